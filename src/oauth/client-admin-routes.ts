import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { MessageAnswer } from '../accounts/schemas.ts'
import { OAuthError, ProblemError } from '../errors.ts'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import {
  ClientAnswer,
  ClientParams,
  ClientsAnswer,
  ClientsQuery,
  CreatedClientAnswer,
  SecretAnswer
} from './client-admin-schemas.ts'
import { ClientChangesBody, NewClientBody } from './client-metadata.ts'
import { toWireClient } from './client-policy.ts'
import { SECRET_OVERLAP_SECONDS, type Clients } from './clients.ts'

const PAGE_SIZE = 50
const config = { access: 'admin' } as const
const tagged = { tags: ['administration'], security: [{ bearer: [] }] }

/** `/admin/clients`: the applications that may use this server. */
export const clientAdminRoutes: FastifyPluginCallbackTypebox<{ clients: Clients }> = (
  app,
  { clients },
  done
) => {
  const actOf = (request: FastifyRequest) => ({
    by: { admin: principalOf(request).user.id },
    origin: originOf(request)
  })

  app.get(
    '/admin/clients',
    {
      config,
      schema: {
        ...tagged,
        summary: 'The clients, by id',
        querystring: ClientsQuery,
        response: { 200: ClientsAnswer, ...problems(401, 403, 422) }
      }
    },
    async (request) => {
      const limit = Math.min(Number(request.query.limit ?? PAGE_SIZE), 200)
      const page = await clients.list(limit, request.query.cursor)
      const next = page.length === limit ? (page.at(-1)?.id ?? null) : null
      return { clients: page.map(toWireClient), next_cursor: next }
    }
  )

  app.post(
    '/admin/clients',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Add a client; its secret is shown this once',
        body: NewClientBody,
        response: { 201: CreatedClientAnswer, ...problems(400, 401, 403, 409, 413, 415, 422) }
      }
    },
    async (request, reply) => {
      const { client, secret } = await asProblem(clients.create(request.body, actOf(request)))
      return reply.code(201).send({ client: toWireClient(client), client_secret: secret })
    }
  )

  app.get(
    '/admin/clients/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'One client',
        params: ClientParams,
        response: { 200: ClientAnswer, ...problems(401, 403, 404) }
      }
    },
    async (request) => ({ client: toWireClient(await clients.find(request.params.id)) })
  )

  app.put(
    '/admin/clients/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Change what is named of a client',
        params: ClientParams,
        body: ClientChangesBody,
        response: { 200: ClientAnswer, ...problems(400, 401, 403, 404, 413, 415, 422) }
      }
    },
    async (request) => {
      const { id } = request.params
      const client = await asProblem(clients.change(id, request.body, actOf(request)))
      return { client: toWireClient(client) }
    }
  )

  app.delete(
    '/admin/clients/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Forget a client; its tokens are refused at once',
        params: ClientParams,
        response: { 200: MessageAnswer, ...problems(400, 401, 403, 404, 413, 415) }
      }
    },
    async (request) => {
      await clients.remove(request.params.id, actOf(request))
      return { message: 'Deleted.' }
    }
  )

  for (const name of ['disable', 'enable'] as const) {
    app.post(
      `/admin/clients/:id/${name}`,
      {
        config,
        schema: {
          ...tagged,
          summary: name === 'disable' ? 'Refuse its tokens and give no more' : 'Let it in again',
          params: ClientParams,
          response: { 200: MessageAnswer, ...problems(400, 401, 403, 404, 413, 415) }
        }
      },
      async (request) => {
        await clients.setDisabled(request.params.id, name === 'disable', actOf(request))
        return { message: name === 'disable' ? 'Disabled.' : 'Enabled.' }
      }
    )
  }

  app.post(
    '/admin/clients/:id/rotate-secret',
    {
      config,
      schema: {
        ...tagged,
        summary: 'A new secret; the one before works for a day more',
        params: ClientParams,
        response: { 200: SecretAnswer, ...problems(400, 401, 403, 404, 413, 415) }
      }
    },
    async (request) => ({
      client_secret: await clients.rotateSecret(request.params.id, actOf(request)),
      previous_valid_seconds: SECRET_OVERLAP_SECONDS
    })
  )

  done()
}

/** What no client may be is a wrong field here. */
async function asProblem<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    throw new ProblemError('validation_failed', error.description, {
      errors: [{ field: '', detail: error.description }]
    })
  }
}
