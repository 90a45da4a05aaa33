import { OAuthError, ProblemError } from '../../errors.ts'
import type { Rotate } from '../../sessions/refresh.ts'
import type { FindSessionByToken } from '../../sessions/session-lookup.ts'
import { heldAudience, listOf, requireHeld } from '../resources.ts'
import { heldScope, narrowScope } from '../scopes.ts'
import type { Client } from '../client.ts'
import type { Grant, GrantCall } from '../token-endpoint.ts'
import type { TokenRequest } from '../token-schemas.ts'

export type RefreshGrantDeps = {
  rotate: Rotate
  findSessionByToken: FindSessionByToken
  idleSeconds: number
}

/** RFC 6749 §6, with the same rotation as every other session. */
export function createRefreshGrant(deps: RefreshGrantDeps): Grant {
  const { rotate, findSessionByToken, idleSeconds } = deps

  return async function refreshGrant({ form, client, dpopJkt, origin }: GrantCall) {
    if (form.refresh_token === undefined) {
      throw new OAuthError('invalid_request', 'refresh_token is required.')
    }
    await requirePossible(form, client)
    const presenter = {
      clientId: client.id,
      delivery: 'body' as const,
      dpopJkt,
      idleSeconds: client.refreshIdleSeconds ?? idleSeconds
    }
    const rotated = await rotate(form.refresh_token, presenter, origin).catch(refused)
    const { secret } = rotated
    const session = { ...rotated.session, audience: heldAudience(rotated.session, client) }
    const scope = narrowScope(heldScope(session.scope, client), form.scope)
    const resources = listOf(form.resource)
    return { kind: 'session', session, secret, scope, resources, nonce: null, claims: null }
  }

  /** A refusal spends nothing: the client never gets the successor, and its next refresh would look like theft. */
  async function requirePossible(form: TokenRequest, client: Client): Promise<void> {
    const { refresh_token: token = '', scope, resource } = form
    const session = await findSessionByToken(token, client.id)
    if (session === null) return
    narrowScope(heldScope(session.scope, client), scope)
    requireHeld(heldAudience(session, client), listOf(resource))
  }
}

function refused(error: unknown): never {
  if (error instanceof ProblemError && error.code === 'invalid_refresh_token') {
    throw new OAuthError('invalid_grant', 'The refresh token is not valid (any more).', {
      reason: error.message
    })
  }
  throw error
}
