import { OAuthError } from '../../errors.ts'
import type { RevocationFeed } from '../../tokens/revocation-feed.ts'
import type { PollStore } from '../device/poll-store.ts'
import { heldAudience, listOf } from '../resources.ts'
import { heldScope } from '../scopes.ts'
import type { Grant, GrantCall } from '../token-endpoint.ts'

export type DeviceGrantDeps = {
  store: PollStore
  revocationFeed: RevocationFeed
  idleSeconds: number
  absoluteSeconds: number
}

/** RFC 8628 §3.4: the device asks, again and again, whether its person has agreed. */
export function createDeviceGrant(deps: DeviceGrantDeps): Grant {
  const { store, revocationFeed, idleSeconds, absoluteSeconds } = deps

  return async function deviceGrant({ form, client, dpopJkt, origin }: GrantCall) {
    const { device_code: deviceCode } = form
    if (deviceCode === undefined) {
      throw new OAuthError('invalid_request', 'device_code is required.')
    }
    const outcome = await store.poll(
      {
        deviceCode,
        clientId: client.id,
        dpopJkt,
        idleSeconds: client.refreshIdleSeconds ?? idleSeconds,
        absoluteSeconds: client.refreshAbsoluteSeconds ?? absoluteSeconds
      },
      origin
    )
    switch (outcome.kind) {
      case 'redeemed': {
        const { secret } = outcome
        const session = { ...outcome.session, audience: heldAudience(outcome.session, client) }
        const scope = heldScope(session.scope, client)
        const resources = listOf(form.resource)
        return { kind: 'session', session, secret, scope, resources, nonce: null, claims: null }
      }
      case 'pending':
        throw new OAuthError('authorization_pending', 'Nobody has decided yet. Ask again.')
      case 'hasty':
        throw new OAuthError('slow_down', 'Ask less often: wait 5 seconds more than before.')
      case 'denied':
        throw new OAuthError('access_denied', 'The person did not agree.')
      case 'expired':
        throw new OAuthError('expired_token', 'The device code has expired. Start again.')
      case 'reused':
        revocationFeed.announce(outcome.ended)
        throw invalidGrant('device code shown after it was spent, its session has ended')
      case 'unusable':
        throw invalidGrant(outcome.reason)
    }
  }
}

/** One text for every reason. */
function invalidGrant(reason: string): OAuthError {
  return new OAuthError('invalid_grant', 'The device code is not valid for this client.', {
    reason
  })
}
