import { OAuthError } from '../../errors.ts'
import type { RevocationFeed } from '../../tokens/revocation-feed.ts'
import type { PresentedCode } from '../authorize/code.ts'
import type { CodeStore, RedeemOutcome } from '../authorize/code-store.ts'
import type { Client } from '../client.ts'
import type { RecallProven } from '../client-authentication.ts'
import { heldAudience, listOf } from '../resources.ts'
import { heldScope } from '../scopes.ts'
import type { Granted } from '../token-answer.ts'
import type { GrantCall, QuickCodeGrant } from '../token-endpoint.ts'
import type { TokenRequest } from '../token-schemas.ts'

type Lifetimes = { idleSeconds: number; absoluteSeconds: number }

export type CodeGrantDeps = Lifetimes & {
  store: CodeStore
  revocationFeed: RevocationFeed
  recallProven: RecallProven
}

/** RFC 6749 §4.1.3 with PKCE (RFC 7636 §4.5). */
export function createCodeGrant(deps: CodeGrantDeps) {
  const { store, revocationFeed, recallProven, ...lifetimes } = deps

  async function codeGrant({ form, client, dpopJkt, origin }: GrantCall) {
    const presented = presentedBy(form, client, dpopJkt, lifetimes)
    return grantedOf(await store.redeem(presented, origin), form, client)
  }

  /** The same for most calls in one statement. */
  const quickCodeGrant: QuickCodeGrant = async (form, { authorization, dpop, origin }) => {
    if (dpop !== undefined || form.resource !== undefined || form.code === undefined) return null
    const proven = recallProven(authorization, form)
    if (proven === null) return null
    const { client, version, secretHash } = proven
    if (client.requireDpop || !client.grantTypes.includes('authorization_code')) return null
    const presented = presentedBy(form, client, null, lifetimes)
    const { isFirstParty } = client
    const outcome = await store.redeemQuickly(
      presented,
      { version, isFirstParty, secretHash },
      origin
    )
    return outcome === null ? null : { client, granted: grantedOf(outcome, form, client) }
  }

  function grantedOf(
    outcome: RedeemOutcome,
    { resource }: TokenRequest,
    client: Client
  ): Extract<Granted, { kind: 'session' }> {
    switch (outcome.kind) {
      case 'redeemed': {
        const { secret, nonce, claims } = outcome
        const session = { ...outcome.session, audience: heldAudience(outcome.session, client) }
        const scope = heldScope(session.scope, client)
        const resources = listOf(resource)
        return { kind: 'session', session, secret, scope, resources, nonce, claims }
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

  return { codeGrant, quickCodeGrant }
}

/** @throws {OAuthError} `invalid_request` */
function presentedBy(
  form: TokenRequest,
  client: Client,
  dpopJkt: string | null,
  { idleSeconds, absoluteSeconds }: Lifetimes
): PresentedCode {
  if (form.code === undefined) throw new OAuthError('invalid_request', 'code is required.')
  return {
    code: form.code,
    clientId: client.id,
    redirectUri: form.redirect_uri ?? null,
    verifier: form.code_verifier ?? null,
    dpopJkt,
    resources: listOf(form.resource),
    idleSeconds: client.refreshIdleSeconds ?? idleSeconds,
    absoluteSeconds: client.refreshAbsoluteSeconds ?? absoluteSeconds
  }
}

/** One text for every reason: a guesser learns nothing, who forgot a parameter is reminded. */
function invalidGrant(reason: string): OAuthError {
  const text =
    'The code is not valid (any more) for this client, or code_verifier or redirect_uri is missing or wrong.'
  return new OAuthError('invalid_grant', text, { reason })
}
