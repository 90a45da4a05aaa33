import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { OAuthError } from '../errors.ts'
import { bearerToken } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { oauthErrors } from '../http/schemas.ts'
import { toWireClient } from './client-policy.ts'
import { createErrorWriter, describeViolation, type Violation } from './oauth-routes.ts'
import { RegistrationBody, type Registration, type RegistrationOutcome } from './registration.ts'

const ClientParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) })

const RegisteredAnswer = Type.Object(
  {
    client_id: Type.String(),
    client_secret: Type.Optional(Type.String({ description: 'Shown this once' })),
    client_id_issued_at: Type.Integer(),
    registration_access_token: Type.String(),
    registration_client_uri: Type.String()
  },
  { additionalProperties: true, description: 'RFC 7591 §3.2.1: everything that was registered' }
)

export type RegistrationRoutesOptions = { registration: Registration; issuer: string }

/** Clients that register themselves: JSON in, RFC 7591 errors out. */
export const registrationRoutes: FastifyPluginCallbackTypebox<RegistrationRoutesOptions> = (
  app,
  { registration, issuer },
  done
) => {
  const writeError = createErrorWriter(toRefusal)
  app.setErrorHandler(writeError)
  app.addHook('preValidation', dropNulls)
  const toAnswer = (outcome: RegistrationOutcome) => answerOf(outcome, issuer)
  const tagged = { tags: ['oauth'], security: [{ registration: [] }] }

  app.post(
    '/oauth/register',
    {
      config: { access: 'public', limit: 'client_registration' },
      schema: {
        ...tagged,
        summary: 'Register a client (RFC 7591, OpenID Connect Registration §3)',
        body: RegistrationBody,
        response: { 201: RegisteredAnswer, ...oauthErrors(400, 401, 413, 415, 429) }
      }
    },
    async (request, reply) => {
      const shown = bearerToken(request)
      const outcome = await registration.register(request.body, shown, originOf(request))
      return reply.code(201).send(toAnswer(outcome))
    }
  )

  app.get(
    '/oauth/register/:id',
    {
      config: { access: 'public' },
      schema: {
        ...tagged,
        summary: 'What a client has registered (RFC 7592 §2.1)',
        params: ClientParams,
        response: { 200: RegisteredAnswer, ...oauthErrors(400, 401) }
      }
    },
    async (request) => toAnswer(await registration.read(request.params.id, bearerToken(request)))
  )

  app.put(
    '/oauth/register/:id',
    {
      config: { access: 'public' },
      schema: {
        ...tagged,
        summary: 'Register anew under the same id; what is left out is dropped (RFC 7592 §2.2)',
        params: ClientParams,
        body: RegistrationBody,
        response: { 200: RegisteredAnswer, ...oauthErrors(400, 401, 413, 415) }
      }
    },
    async (request) => {
      const { params, body } = request
      const token = bearerToken(request)
      return toAnswer(await registration.replace(params.id, token, body, originOf(request)))
    }
  )

  app.delete(
    '/oauth/register/:id',
    {
      config: { access: 'public' },
      schema: {
        ...tagged,
        summary: 'Forget a client; its tokens are refused at once (RFC 7592 §2.3)',
        params: ClientParams,
        response: { 204: Type.Null({ description: 'Gone' }), ...oauthErrors(400, 401) }
      }
    },
    async (request, reply) => {
      await registration.remove(request.params.id, bearerToken(request), originOf(request))
      return reply.code(204).send(null)
    }
  )
  done()
}

/** A member that is null is as if it were not there (RFC 7592 §2.2). */
function dropNulls(request: FastifyRequest, _reply: FastifyReply, next: () => void): void {
  const { body } = request
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
    request.body = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
  }
  next()
}

/** RFC 7591 §3.2.2 has words of its own for what is wrong with a field. */
function toRefusal(violation: Violation | undefined): OAuthError {
  if (violation === undefined || violation.instancePath === '') {
    return new OAuthError('invalid_client_metadata', 'Send a JSON object, not above 64 KiB.')
  }
  const isRedirect = violation.instancePath.startsWith('/redirect_uris')
  const code = isRedirect ? 'invalid_redirect_uri' : 'invalid_client_metadata'
  return new OAuthError(code, describeViolation(violation))
}

function answerOf({ client, token, secret }: RegistrationOutcome, issuer: string) {
  const { created_at: _, disabled: __, registered_by: ___, ...wire } = toWireClient(client)
  const { first_party: _f, resource_server: _r, shows_roles: _s, ...own } = wire
  const told = Object.entries(own).filter(([, value]) => value !== null)
  const usesCodes = client.grantTypes.includes('authorization_code')
  return {
    ...(Object.fromEntries(told) as object),
    client_id: client.id,
    client_id_issued_at: Math.floor(client.createdAt.getTime() / 1_000),
    ...(secret !== null && { client_secret: secret, client_secret_expires_at: 0 }),
    response_types: usesCodes ? ['code'] : [],
    registration_access_token: token,
    registration_client_uri: `${issuer}/oauth/register/${client.id}`
  }
}
