import { Type } from 'typebox'
import { EmailField, IdField, Nullable, TimeField, UserRef } from '../http/schemas.ts'
import { OUTBOX_KINDS, type OutboxKind } from '../mail/outbox.ts'

/** Queries are text: a number comes as digits. */
const LimitField = Type.String({
  pattern: '^([1-9]|[1-9][0-9]|1[0-9][0-9]|200)$',
  description: '1 to 200; 50'
})

export const limitOf = (limit: string | undefined): number => Number(limit ?? 50)

export const UsersQuery = Type.Object(
  {
    limit: Type.Optional(LimitField),
    cursor: Type.Optional(IdField),
    email: Type.Optional(EmailField),
    username: Type.Optional(
      Type.String({ pattern: '^[a-z0-9._-]{1,64}$', description: 'Beginning of the username' })
    ),
    status: Type.Optional(Type.Union([Type.Literal('active'), Type.Literal('disabled')])),
    role: Type.Optional(Type.String({ pattern: '^[a-z0-9_-]{1,64}$' }))
  },
  { additionalProperties: false }
)

export const AuditQuery = Type.Object(
  {
    limit: Type.Optional(LimitField),
    cursor: Type.Optional(IdField),
    type: Type.Optional(Type.String({ pattern: '^[a-z_.]{1,64}$' })),
    user_id: Type.Optional(IdField),
    format: Type.Optional(Type.Union([Type.Literal('json'), Type.Literal('csv')]))
  },
  { additionalProperties: false }
)

export const UserParams = Type.Object({ id: IdField })

export const RolesBody = Type.Object(
  { roles: Type.Array(Type.String({ pattern: '^[a-z0-9_-]{1,64}$' }), { maxItems: 50 }) },
  { additionalProperties: false }
)

export const UsersAnswer = Type.Object({
  users: Type.Array(UserRef),
  next_cursor: Nullable(Type.String())
})

export const AuditEntry = Type.Object({
  id: IdField,
  at: TimeField,
  type: Type.String(),
  user_id: Nullable(Type.String()),
  actor_id: Nullable(Type.String({ description: 'The administrator who did it' })),
  session_id: Nullable(Type.String()),
  client_id: Nullable(Type.String()),
  request_id: Nullable(Type.String()),
  address: Nullable(Type.String()),
  details: Type.Record(Type.String(), Type.Unknown())
})

export const AuditAnswer = Type.Object({
  events: Type.Array(AuditEntry),
  next_cursor: Nullable(Type.String())
})

export const UserDetailAnswer = Type.Object({
  user: UserRef,
  sessions: Type.Array(
    Type.Object({
      id: IdField,
      client_id: Type.String(),
      device: Nullable(Type.String()),
      address: Nullable(Type.String()),
      created_at: TimeField,
      last_used_at: TimeField,
      expires_at: TimeField
    })
  ),
  events: Type.Array(AuditEntry)
})

const OutboxStateField = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('parked'),
  Type.Literal('expired')
])

const OutboxKindField = Type.Unsafe<OutboxKind>(
  Type.Union(OUTBOX_KINDS.map((kind) => Type.Literal(kind)))
)

export const OutboxQuery = Type.Object(
  {
    limit: Type.Optional(LimitField),
    cursor: Type.Optional(IdField),
    state: Type.Optional(OutboxStateField),
    kind: Type.Optional(OutboxKindField)
  },
  { additionalProperties: false }
)

export const OutboxParams = Type.Object({ id: IdField })

export const OutboxEntryBody = Type.Object({
  id: IdField,
  kind: OutboxKindField,
  topic: Nullable(Type.String({ description: 'The template of a mail' })),
  state: OutboxStateField,
  attempts: Type.Integer(),
  last_error: Nullable(Type.String({ description: 'The kind of failure, such as SMTP 550 5.1.1' })),
  created_at: TimeField,
  next_attempt_at: Nullable(TimeField),
  expires_at: TimeField,
  parked_at: Nullable(TimeField)
})

export const OutboxAnswer = Type.Object({
  messages: Type.Array(OutboxEntryBody),
  next_cursor: Nullable(Type.String())
})
