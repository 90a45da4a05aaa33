import { OAuthError } from '../../errors.ts'
import type { RevocationFeed } from '../../tokens/revocation-feed.ts'
import type { CodeStore } from '../authorize/code-store.ts'
import { heldAudience, listOf } from '../resources.ts'
import { heldScope } from '../scopes.ts'
import type { Grant, GrantCall } from '../token-endpoint.ts'

export type CodeGrantDeps = {
  store: CodeStore
  revocationFeed: RevocationFeed
  idleSeconds: number
  absoluteSeconds: number
}

/** RFC 6749 §4.1.3 with PKCE (RFC 7636 §4.5). */
export function createCodeGrant(deps: CodeGrantDeps): Grant {
  const { store, revocationFeed, idleSeconds, absoluteSeconds } = deps

  return async function codeGrant({ form, client, dpopJkt, origin }: GrantCall) {
    if (form.code === undefined) throw new OAuthError('invalid_request', 'code is required.')
    const outcome = await store.redeem(
      {
        code: form.code,
        clientId: client.id,
        redirectUri: form.redirect_uri ?? null,
        verifier: form.code_verifier ?? null,
        dpopJkt,
        resources: listOf(form.resource),
        idleSeconds: client.refreshIdleSeconds ?? idleSeconds,
        absoluteSeconds: client.refreshAbsoluteSeconds ?? absoluteSeconds
      },
      origin
    )
    switch (outcome.kind) {
      case 'redeemed': {
        const { secret, nonce, claims } = outcome
        const session = { ...outcome.session, audience: heldAudience(outcome.session, client) }
        const scope = heldScope(session.scope, client)
        return {
          kind: 'session',
          session,
          secret,
          scope,
          resources: listOf(form.resource),
          nonce,
          claims
        }
      }
      case 'reused':
        revocationFeed.announce(outcome.ended)
        throw invalidGrant('code shown twice, its session has ended')
      case 'wrong_target':
        throw new OAuthError('invalid_target', 'The grant is not for this resource.')
      case 'unusable':
        throw invalidGrant(outcome.reason)
    }
  }
}

/** One text for every reason: a guesser learns nothing, who forgot a parameter is reminded. */
function invalidGrant(reason: string): OAuthError {
  const text =
    'The code is not valid (any more) for this client, or code_verifier or redirect_uri is missing or wrong.'
  return new OAuthError('invalid_grant', text, { reason })
}
