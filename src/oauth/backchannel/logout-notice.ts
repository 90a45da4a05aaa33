import type { Clock } from '../../platform/clock.ts'
import type { Outbound } from '../../platform/outbound.ts'
import type { SignJwt } from '../../signing/jwt-signer.ts'
import type { Client } from '../client.ts'
import type { Subjects } from '../subjects.ts'
import type { LogoutNotice } from './logout-notice-store.ts'

/** OpenID Connect Back-Channel Logout §2.6 asks for two minutes at most. */
const TOKEN_SECONDS = 120
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** The client did not take it; the outbox tries again. */
class NotTakenError extends Error {
  override readonly name = 'NotTakenError'
  readonly code: string

  constructor(status: number) {
    super(`The client answered ${status}.`)
    this.code = `http_${status}`
  }
}

export type LogoutNoticesDeps = {
  findClient: (id: string) => Promise<Client | null>
  subjects: Subjects
  signJwt: SignJwt
  outbound: Outbound
  clock: Clock
  issuer: string
}

/** OpenID Connect Back-Channel Logout 1.0: clients hear that a session has ended, without any browser. */
export function createLogoutNotifier(deps: LogoutNoticesDeps) {
  const { findClient, subjects, signJwt, outbound, clock, issuer } = deps

  /** @param id of the message: the same at every attempt, and so the token's `jti` */
  return async function notify({ clientId, userId, sid }: LogoutNotice, id: string): Promise<void> {
    const client = await findClient(clientId)
    if (client === null || client.backchannelLogoutUri === null) return
    const iat = Math.floor(clock.now().getTime() / 1_000)
    const logoutToken = {
      iss: issuer,
      sub: subjects.subjectOf(client, userId),
      aud: clientId,
      iat,
      exp: iat + TOKEN_SECONDS,
      jti: id,
      sid,
      events: { [EVENT]: {} }
    }
    // §2.4: signed as its ID tokens are.
    const signed = await signJwt('logout+jwt', logoutToken, client.idTokenAlg)
    const { status } = await outbound({
      url: client.backchannelLogoutUri,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: signed }).toString()
    })
    if (status !== 200 && status !== 204) throw new NotTakenError(status)
  }
}
