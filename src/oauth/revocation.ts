import type { RequestOrigin } from '../audit/events.ts'
import type { FindSessionByToken } from '../sessions/session-lookup.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { TokenCheck } from '../tokens/token-check.ts'
import type { Client } from './client.ts'
import type { RevocationVerbs } from './revocation-store.ts'

export type RevokeToken = ReturnType<typeof createRevocation>

export type RevocationDeps = {
  checkToken: TokenCheck
  findSessionByToken: FindSessionByToken
  store: RevocationVerbs
  revocationFeed: RevocationFeed
}

/** Revocation (RFC 7009): a client gives back what it no longer needs, or fears for. */
export function createRevocation(deps: RevocationDeps) {
  const { checkToken, findSessionByToken, store, revocationFeed } = deps

  /**
   * A refresh token ends its session, and with it the access tokens; an access token is refused by itself.
   * What is unknown, dead, or another client's is left alone, and nobody is told which (§2.2).
   */
  return async function revokeToken(
    client: Client,
    token: string,
    origin: RequestOrigin
  ): Promise<void> {
    const session = await findSessionByToken(token, client.id)
    if (session !== null) {
      origin.tell?.({ userId: session.userId, sessionId: session.id })
      revocationFeed.announce(await store.endSession(session.id, origin))
      return
    }
    const claims = await checkToken(token, null)
    if (claims?.client_id !== client.id) return
    const { jti, sid } = claims
    origin.tell?.({ sessionId: sid })
    revocationFeed.announce([
      await store.refuseToken({ jti, clientId: client.id, sessionId: sid ?? null }, origin)
    ])
  }
}
