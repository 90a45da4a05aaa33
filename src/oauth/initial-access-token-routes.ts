import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { MessageAnswer } from '../accounts/schemas.ts'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { IdField, Line, Nullable, problems, TimeField } from '../http/schemas.ts'
import type { InitialAccessToken } from './initial-access-token-store.ts'
import type { InitialAccessTokens } from './initial-access-tokens.ts'
import { RegistrationPolicy } from './registration-policy.ts'

const PAGE_SIZE = 50
const config = { access: 'admin' } as const
const tagged = { tags: ['administration'], security: [{ bearer: [] }] }

const TokenParams = Type.Object({ id: IdField })
const TokensQuery = Type.Object({ cursor: Type.Optional(IdField) }, { additionalProperties: false })
const NewTokenBody = Type.Object(
  {
    name: Line(128),
    ...Type.Partial(RegistrationPolicy).properties,
    expires_in_days: Type.Optional(
      Nullable(Type.Integer({ minimum: 1, maximum: 3_650, description: 'null: until revoked' }))
    )
  },
  { additionalProperties: false }
)
const TokenBody = Type.Object({
  id: IdField,
  name: Type.String(),
  ...RegistrationPolicy.properties,
  created_at: TimeField,
  expires_at: Nullable(TimeField),
  revoked_at: Nullable(TimeField)
})
const CreatedTokenAnswer = Type.Object({
  initial_access_token: TokenBody,
  token: Type.String({ description: 'Shown this once; only its hash is kept' })
})
const TokensAnswer = Type.Object({
  initial_access_tokens: Type.Array(TokenBody),
  next_cursor: Nullable(Type.String())
})

export type InitialAccessTokenRoutesOptions = { initialAccessTokens: InitialAccessTokens }

/** `/admin/clients/initial-access-tokens`: who may register clients, and which. */
export const initialAccessTokenRoutes: FastifyPluginCallbackTypebox<
  InitialAccessTokenRoutesOptions
> = (app, { initialAccessTokens: tokens }, done) => {
  const url = '/admin/clients/initial-access-tokens'
  const actOf = (request: FastifyRequest) => ({
    by: { admin: principalOf(request).user.id },
    origin: originOf(request)
  })

  app.get(
    url,
    {
      config,
      schema: {
        ...tagged,
        summary: 'Tokens that let somebody register clients, newest first',
        querystring: TokensQuery,
        response: { 200: TokensAnswer, ...problems(401, 403, 422) }
      }
    },
    async ({ query }) => {
      const page = await tokens.list(PAGE_SIZE, query.cursor)
      const next = page.length === PAGE_SIZE ? (page.at(-1)?.id ?? null) : null
      return { initial_access_tokens: page.map(toWire), next_cursor: next }
    }
  )

  app.post(
    url,
    {
      config,
      schema: {
        ...tagged,
        summary: 'Make one; the token is shown this once',
        body: NewTokenBody,
        response: { 201: CreatedTokenAnswer, ...problems(400, 401, 403, 413, 415, 422) }
      }
    },
    async (request, reply) => {
      const { entry, token } = await tokens.create(request.body, actOf(request))
      return reply.code(201).send({ initial_access_token: toWire(entry), token })
    }
  )

  app.delete(
    `${url}/:id`,
    {
      config,
      schema: {
        ...tagged,
        summary: 'Revoke one; clients that were registered with it stay',
        params: TokenParams,
        response: { 200: MessageAnswer, ...problems(400, 401, 403, 404, 413, 415, 422) }
      }
    },
    async (request) => {
      await tokens.revoke(request.params.id, actOf(request))
      return { message: 'Revoked.' }
    }
  )
  done()
}

function toWire({ id, name, policy, createdAt, expiresAt, revokedAt }: InitialAccessToken) {
  return {
    id,
    name,
    ...policy,
    created_at: createdAt.toISOString(),
    expires_at: expiresAt?.toISOString() ?? null,
    revoked_at: revokedAt?.toISOString() ?? null
  }
}
