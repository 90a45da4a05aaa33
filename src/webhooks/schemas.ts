import { Type } from 'typebox'
import { IdField, Nullable, TimeField } from '../http/schemas.ts'

const UrlField = Type.String({
  minLength: 1,
  maxLength: 2_048,
  description:
    'https, on port 443 of a public address, unless OUTBOUND_ALLOWED_HOSTS lists its host:port'
})

const EventsField = Type.Array(Type.String({ pattern: '^(\\*|[a-z_]+(\\.[a-z_]+)*(\\.\\*)?)$' }), {
  minItems: 1,
  maxItems: 100,
  description: 'Names of events, beginnings such as `account.*`, or `*`'
})

export const NewWebhook = Type.Object(
  { url: UrlField, events: EventsField, enabled: Type.Optional(Type.Boolean()) },
  { additionalProperties: false }
)

export const WebhookSettings = Type.Object(
  { url: UrlField, events: EventsField, enabled: Type.Boolean() },
  { additionalProperties: false }
)

export const ReplayBody = Type.Object(
  {
    event_id: Type.Optional(IdField),
    since: Type.Optional(TimeField),
    until: Type.Optional(TimeField)
  },
  {
    additionalProperties: false,
    description: 'One event by `event_id`, or those from `since` until just before `until` (now)'
  }
)

export const WebhookParams = Type.Object({ id: IdField })

export const WebhookBody = Type.Object({
  id: IdField,
  url: Type.String(),
  events: Type.Array(Type.String()),
  enabled: Type.Boolean(),
  disabled_reason: Nullable(Type.String({ description: '`gone`: it answered 410' })),
  previous_secret_until: Nullable(TimeField),
  created_at: TimeField,
  updated_at: TimeField
})

export const WebhookAnswer = Type.Object({ webhook: WebhookBody })

export const WebhookWithSecretAnswer = Type.Object({
  webhook: WebhookBody,
  secret: Type.String({ description: 'Signs the deliveries; shown this once' })
})

export const WebhooksAnswer = Type.Object({ webhooks: Type.Array(WebhookBody) })

export const WebhookDetailAnswer = Type.Object({
  webhook: WebhookBody,
  deliveries: Type.Array(
    Type.Object({
      event_id: IdField,
      type: Nullable(Type.String()),
      state: Type.Union([
        Type.Literal('waiting'),
        Type.Literal('delivered'),
        Type.Literal('parked')
      ]),
      attempts: Type.Integer(),
      created_at: TimeField,
      next_attempt_at: Nullable(TimeField),
      delivered_at: Nullable(TimeField),
      last_error: Nullable(Type.String())
    })
  )
})

export const ReplayAnswer = Type.Object({
  events: Type.Integer({ description: 'So many are sent again' }),
  next_since: Nullable(TimeField)
})

export const TestAnswer = Type.Object({ event_id: IdField })

export const EventsAnswer = Type.Object({
  events: Type.Array(Type.Object({ type: Type.String(), description: Type.String() }))
})
