import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemError } from '../errors.ts'
import { bearerToken } from '../http/access.ts'
import { tellWho } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import { FIRST_PARTY_CLIENT } from '../sessions/session.ts'
import { identityHeaders } from './identity-headers.ts'
import type { TokenCheck } from './token-check.ts'

const VerifyQuery = Type.Object(
  { audience: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })) },
  { additionalProperties: false }
)

/** The token's own claims, whichever they are, and that it is live. */
const VerifyAnswer = Type.Object({ active: Type.Literal(true) }, { additionalProperties: true })

const VERIFY_PATHS = ['/auth/verify-token', '/verify-token']

export type TokenRoutesOptions = { checkToken: TokenCheck; issuer: string }

export const tokenRoutes: FastifyPluginCallbackTypebox<TokenRoutesOptions> = (
  app,
  { checkToken, issuer },
  done
) => {
  for (const path of VERIFY_PATHS) {
    app.get(
      path,
      {
        config: { access: 'public' },
        schema: {
          tags: ['tokens'],
          summary: 'Whether an access token holds, revocation included',
          description:
            'For proxies, the answer also says who came in X-User-Id (people only), X-Client-Id, X-Scope and X-Roles.',
          security: [{ bearer: [] }],
          querystring: VerifyQuery,
          response: { 200: VerifyAnswer, ...problems(401, 422) }
        }
      },
      async (request, reply) => {
        const token = bearerToken(request)
        const audience = request.query.audience ?? issuer
        const claims = token === null ? null : await checkToken(token, audience)
        // A bound token is no bearer token: who shows it has to prove the key (RFC 9449 §7.1).
        if (claims === null || claims.cnf !== undefined) {
          throw new ProblemError('invalid_access_token', 'This token is not valid (any more).')
        }
        // Of another client's token `sub` may be a pseudonym, which is nobody's id.
        const userId = claims.client_id === FIRST_PARTY_CLIENT ? claims.sub : undefined
        tellWho(request, { userId, sessionId: claims.sid })
        reply.headers(identityHeaders(claims))
        return { active: true as const, ...claims }
      }
    )
  }
  done()
}
