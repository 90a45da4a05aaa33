import { OAuthError, ProblemError } from '../../errors.ts'
import type { Rotate } from '../../sessions/refresh.ts'
import { listOf } from '../resources.ts'
import { narrowScope, parseScope } from '../scopes.ts'
import type { Grant, GrantCall } from '../token-endpoint.ts'

export type RefreshGrantDeps = { rotate: Rotate; idleSeconds: number }

/** RFC 6749 §6, with the same rotation as every other session. */
export function createRefreshGrant({ rotate, idleSeconds }: RefreshGrantDeps): Grant {
  return async function refreshGrant({ form, client, dpopJkt, origin }: GrantCall) {
    if (form.refresh_token === undefined) {
      throw new OAuthError('invalid_request', 'refresh_token is required.')
    }
    const presenter = {
      clientId: client.id,
      delivery: 'body' as const,
      dpopJkt,
      idleSeconds: client.refreshIdleSeconds ?? idleSeconds
    }
    const { session, secret } = await rotate(form.refresh_token, presenter, origin).catch(refused)
    // What the client lost since, its tokens lose now (SECURITY T6).
    const held = parseScope(session.scope).filter((scope) => client.scopes.includes(scope))
    const scope = narrowScope(held.join(' '), form.scope)
    const resources = listOf(form.resource)
    return { kind: 'session', session, secret, scope, resources, nonce: null, claims: null }
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
