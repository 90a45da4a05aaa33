import type { IncomingMessage } from 'node:http'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { readPlainParameters } from '../http/plain-parameters.ts'
import { sendPrebuilt } from '../http/prebuilt.ts'
import { originOf } from '../http/request-origin.ts'
import { oauthErrors } from '../http/schemas.ts'
import type { ReadyAnswer } from '../http/short-paths.ts'
import type { AuthenticateClient, RecallCaller } from './client-authentication.ts'
import type { Introspection, IntrospectionAnswer } from './introspection.ts'
import type { RevokeToken } from './revocation.ts'
import { CLIENT_PARAMETERS } from './token-schemas.ts'

const TOKEN_LIMIT = 16_384

const TokenForm = Type.Object({
  ...CLIENT_PARAMETERS,
  token: Type.String({ minLength: 1, maxLength: TOKEN_LIMIT }),
  // A hint is a hint: both kinds are looked for (RFC 7009 §2.1).
  token_type_hint: Type.Optional(Type.String({ maxLength: 128 }))
})

/** What nearly all callers send; whatever else comes is the schema's to judge. */
const PLAIN_FIELDS = new Set(['token', 'client_id', 'client_secret'] as const)
const READY_HEADERS = {
  'access-control-allow-origin': '*',
  'content-type': 'application/json; charset=utf-8'
}

const JWT_ANSWER = 'application/token-introspection+jwt'

const IntrospectionAnswerBody = Type.Object(
  { active: Type.Boolean() },
  { additionalProperties: true, description: 'RFC 7662 §2.2; as a JWT if Accept asks for it' }
)

/** A token that is asked about again has the same answer, remembered with its claims. */
const texts = new WeakMap<IntrospectionAnswer, string>()

function jsonOf(answer: IntrospectionAnswer): string {
  const known = texts.get(answer) ?? JSON.stringify(answer)
  texts.set(answer, known)
  return known
}

export type IntrospectionRoutesOptions = {
  authenticateClient: AuthenticateClient
  recallCaller: RecallCaller
  introspection: Introspection
  revokeToken: RevokeToken
}

export const introspectionRoutes: FastifyPluginCallbackTypebox<IntrospectionRoutesOptions> = (
  app,
  { authenticateClient, recallCaller, introspection, revokeToken },
  done
) => {
  const shared = {
    tags: ['oauth'],
    security: [{ client: [] }, {}],
    consumes: ['application/x-www-form-urlencoded'],
    body: TokenForm
  }

  function findShort({ headers }: IncomingMessage, body: string): ReadyAnswer | null {
    if (headers.accept?.includes(JWT_ANSWER) === true) return null
    const form = readPlainParameters(body, PLAIN_FIELDS, TOKEN_LIMIT)
    if (form?.token === undefined) return null
    const caller = recallCaller(headers.authorization, form)
    const recalled = caller === null ? undefined : introspection.recall(caller, form.token)
    if (recalled === undefined) return null
    const { answer, sessionId } = recalled
    return { headers: READY_HEADERS, body: jsonOf(answer), sessionId }
  }

  app.answerShortly('/oauth/introspect', 'form', findShort)
  app.post(
    '/oauth/introspect',
    {
      config: { access: 'public' },
      schema: {
        ...shared,
        summary: 'Whether a token holds, and what it says (RFC 7662)',
        response: { 200: IntrospectionAnswerBody, ...oauthErrors(400, 401, 413, 415, 429) }
      }
    },
    async (request, reply) => {
      const { headers, body } = request
      const origin = originOf(request)
      const caller = await authenticateClient(headers.authorization, body)
      const wantsJwt = headers.accept?.includes(JWT_ANSWER) ?? false
      if (!wantsJwt) {
        const answer = await introspection.introspect(caller, body.token, origin)
        return sendPrebuilt(reply, jsonOf(answer), 'application/json; charset=utf-8')
      }
      const jwt = await introspection.introspectSigned(caller, body.token, origin)
      return reply
        .type(JWT_ANSWER)
        .serializer((text: unknown) => String(text))
        .send(jwt)
    }
  )

  app.post(
    '/oauth/revoke',
    {
      config: { access: 'public' },
      schema: {
        ...shared,
        summary: 'Give a token back (RFC 7009); 200 whatever it was',
        response: {
          200: Type.Null({ description: 'It does not hold, or never did' }),
          ...oauthErrors(400, 401, 413, 415, 429)
        }
      }
    },
    async (request, reply) => {
      const { headers, body } = request
      const client = await authenticateClient(headers.authorization, body)
      await revokeToken(client, body.token, originOf(request))
      return reply
        .code(200)
        .serializer(() => '')
        .send(null)
    }
  )
  done()
}
