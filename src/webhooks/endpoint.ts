import type { Static } from 'typebox'
import type { RequestOrigin } from '../audit/events.ts'
import type { WebhookBody } from './schemas.ts'

/** Where events are told to. */
export type Endpoint = {
  id: string
  url: string
  /** Names of events, `account.*`, or `*`. */
  events: string[]
  enabled: boolean
  /** Why it was disabled, when nobody did: `gone`. */
  disabledReason: string | null
  /** Until when the secret before this one signs too. */
  previousSecretUntil: Date | null
  createdAt: Date
  updatedAt: Date
}

/** What an administrator decides about an endpoint. */
export type EndpointSettings = Pick<Endpoint, 'url' | 'events' | 'enabled'>

/** Who does it, for the audit trail. */
export type WebhookAct = { adminId: string; origin: RequestOrigin }

/** An endpoint on the wire; never with its secret. */
export function toWireWebhook(endpoint: Endpoint): Static<typeof WebhookBody> {
  return {
    id: endpoint.id,
    url: endpoint.url,
    events: endpoint.events,
    enabled: endpoint.enabled,
    disabled_reason: endpoint.disabledReason,
    previous_secret_until: endpoint.previousSecretUntil?.toISOString() ?? null,
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString()
  }
}
