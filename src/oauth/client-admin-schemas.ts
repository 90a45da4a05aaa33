import { Type } from 'typebox'
import { ClientBody } from './client-metadata.ts'

export const ClientParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 2_048 }) })

export const ClientsQuery = Type.Object(
  {
    limit: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,2}$' })),
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024 }))
  },
  { additionalProperties: false }
)

const Secret = Type.String({ description: 'Shown this once; only its hash is kept' })

export const CreatedClientAnswer = Type.Object({
  client: ClientBody,
  client_secret: Type.Union([Secret, Type.Null()])
})

export const ClientAnswer = Type.Object({ client: ClientBody })

export const ClientsAnswer = Type.Object({
  clients: Type.Array(ClientBody),
  next_cursor: Type.Union([Type.String(), Type.Null()])
})

export const SecretAnswer = Type.Object({
  client_secret: Secret,
  previous_valid_seconds: Type.Integer({ description: 'How long the one before still works' })
})
