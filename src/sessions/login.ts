import { randomBytes } from 'node:crypto'
import type { User } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { BegunSession } from './begin-session.ts'
import {
  invalidCredentials,
  type PasswordLogin,
  type ProveLogin,
  type ProvenLogin
} from './login-proof.ts'
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
    const create = ({ user, ...proof }: ProvenLogin, lane: Buffer | null) =>
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
    const held: { begun?: BegunSession | null } = {}
    const proven = await proveLogin(input, origin, async (login, lane) => {
      held.begun = await create(login, lane)
      return held.begun !== null
    })
    const begun = held.begun === undefined ? await create(proven, null) : held.begun
    if (begun === null) throw invalidCredentials()
    const { user, rememberDevice } = proven
    revocationFeed.announce(begun.ended)
    origin.tell?.({ userId: user.id, sessionId: begun.session.id })
    return { ...(await issuePair(begun.session, secret)), user, rememberDevice }
  }
}
