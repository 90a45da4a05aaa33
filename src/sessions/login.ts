import { randomBytes } from 'node:crypto'
import type { User } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { PasswordLogin, ProveLogin } from './login-proof.ts'
import { FIRST_PARTY_CLIENT, FIRST_PARTY_SCOPE, type Delivery } from './session.ts'
import type { SessionStore } from './session-store.ts'
import type { IssuePair, TokenPair } from './token-pair.ts'

export type LoginInput = PasswordLogin & {
  /** What the person calls it, or what the browser says of itself. */
  device: string | null
  delivery: Delivery
}

/** `rememberDevice` makes the cookie of a browser that is not known yet. */
export type LoggedIn = TokenPair & { user: User; rememberDevice: (() => Promise<string>) | null }

export type Login = ReturnType<typeof createLogin>

export type LoginDeps = {
  proveLogin: ProveLogin
  store: SessionStore
  issuePair: IssuePair
  revocationFeed: RevocationFeed
}

export function createLogin({ proveLogin, store, issuePair, revocationFeed }: LoginDeps) {
  /**
   * Begins a session with tokens for whoever knows the password.
   * @throws {ProblemError} as {@link ProveLogin}
   */
  return async function login(input: LoginInput, origin: RequestOrigin): Promise<LoggedIn> {
    const secret = randomBytes(32)
    const proven = await proveLogin(input, origin, ({ user, ...proof }, lane) =>
      store.create(
        {
          userId: user.id,
          clientId: FIRST_PARTY_CLIENT,
          scope: FIRST_PARTY_SCOPE,
          secret,
          delivery: input.delivery,
          amr: ['pwd'],
          device: input.device
        },
        proof,
        origin,
        lane
      )
    )
    const { user, rememberDevice, begun } = proven
    revocationFeed.announce(begun.ended)
    origin.tell?.({ userId: user.id, sessionId: begun.session.id })
    return { ...(await issuePair(begun.session, secret)), user, rememberDevice }
  }
}
