import type { IncomingMessage } from 'node:http'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemError } from '../errors.ts'
import { bearerToken, bearerTokenOf } from '../http/access.ts'
import { tellWho } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import { sendReady, type ReadyAnswer } from '../http/short-paths.ts'
import { FIRST_PARTY_CLIENT } from '../sessions/session.ts'
import type { AccessTokenClaims } from './access-token.ts'
import { identityHeaders } from './identity-headers.ts'
import type { TokenChecks } from './token-check.ts'

const VerifyQuery = Type.Object(
  { audience: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })) },
  { additionalProperties: false }
)

/** The token's own claims, whichever they are, and that it is live. */
const VerifyAnswer = Type.Object({ active: Type.Literal(true) }, { additionalProperties: true })

const VERIFY_PATHS = ['/auth/verify-token', '/verify-token']

export type TokenRoutesOptions = TokenChecks & { issuer: string }

export const tokenRoutes: FastifyPluginCallbackTypebox<TokenRoutesOptions> = (
  app,
  { checkToken, recallToken, issuer },
  done
) => {
  function findShort(request: IncomingMessage): ReadyAnswer | null {
    const token = bearerTokenOf(request)
    const claims = token === null ? null : recallToken(token, issuer)
    return claims === null || claims.cnf !== undefined ? null : answerOf(claims)
  }

  for (const path of VERIFY_PATHS) {
    app.answerShortly(path, 'nothing', findShort)
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
        const answer = answerOf(claims)
        tellWho(request, answer)
        return sendReady(reply, answer)
      }
    )
  }
  done()
}

/** A token that is asked about again has the same claims, remembered with it: so is what they say. */
const answers = new WeakMap<AccessTokenClaims, ReadyAnswer>()

function answerOf(claims: AccessTokenClaims): ReadyAnswer {
  const known = answers.get(claims)
  if (known !== undefined) return known
  const answer = {
    headers: { ...identityHeaders(claims), 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify({ active: true, ...claims }),
    // Of another client's token `sub` may be a pseudonym, which is nobody's id.
    userId: claims.client_id === FIRST_PARTY_CLIENT ? claims.sub : undefined,
    sessionId: claims.sid
  }
  answers.set(claims, answer)
  return answer
}
