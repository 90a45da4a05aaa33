import { randomBytes } from 'node:crypto'
import type { Identifier } from '../accounts/identifier.ts'
import type { User } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import { openBrowserCookieValue, writeBrowserCookieValue } from './browser-cookie.ts'
import type { BrowserRow, BrowserSessionStore } from './browser-session-store.ts'
import type { ProveLogin } from './login-proof.ts'

/** A login at the pages, in this browser, that lives. */
export type LiveLogin = BrowserRow

/** Somebody who logged in at the pages, in this browser. */
export type BrowserSession = LiveLogin & { user: User }

export type BrowserLogin = {
  identifier: Identifier
  password: string
  /** What the browser calls itself. */
  device: string | null
  /** The cookie of a browser that may have logged in before. */
  deviceCookie: string | null
  /** The session cookie that the browser already had. */
  current: string | null
}

/** `cookie` is the secret of the session; `rememberDevice` makes the cookie of a browser that is not known yet. */
export type BegunBrowserSession = {
  cookie: string
  session: BrowserSession
  rememberDevice: (() => Promise<string>) | null
}

export type BrowserSessions = ReturnType<typeof createBrowserSessions>

export type BrowserSessionsDeps = {
  proveLogin: ProveLogin
  store: BrowserSessionStore
  findUser: (id: string) => Promise<User | null>
  revocationFeed: RevocationFeed
}

/** Logins at the pages: an opaque cookie, of which Postgres keeps the hash. No token comes of it but by OAuth. */
export function createBrowserSessions(deps: BrowserSessionsDeps) {
  const { proveLogin, store, findUser, revocationFeed } = deps

  /**
   * Checks the password as login does, and begins a session. A session that this browser already had
   * keeps its id under a new secret if it is the same person's; another person's ends.
   * @throws {ProblemError} as {@link ProveLogin}
   */
  async function begin(input: BrowserLogin, origin: RequestOrigin): Promise<BegunBrowserSession> {
    const secret = randomBytes(32)
    const current = openBrowserCookieValue(input.current)
    const proven = await proveLogin(input, origin, ({ user, ...proof }, lane) => {
      const login = { userId: user.id, secret, amr: ['pwd'], device: input.device, current }
      return store.begin(login, proof, origin, lane)
    })
    const { user, rememberDevice, begun } = proven
    revocationFeed.announce(begun.ended)
    const { id, authTime, amr } = begun.session
    origin.tell?.({ userId: user.id, sessionId: id })
    return {
      cookie: writeBrowserCookieValue({ sessionId: id, secret }),
      session: { id, userId: user.id, user, authTime, amr },
      rememberDevice
    }
  }

  /** The live login of a cookie; null for everything else. Asks Postgres each time, so an end is true at once. */
  async function findLogin(cookie: string | undefined): Promise<LiveLogin | null> {
    const claim = openBrowserCookieValue(cookie)
    return claim === null ? null : store.find(claim)
  }

  /** The same, for whoever shows who it is. */
  async function find(cookie: string | undefined): Promise<BrowserSession | null> {
    const login = await findLogin(cookie)
    const user = login === null ? null : await findUser(login.userId)
    return login === null || user === null ? null : { ...login, user }
  }

  /** Ends it, and the grants made from it that lack `offline_access`. May be repeated. */
  async function end(cookie: string | undefined, origin: RequestOrigin): Promise<void> {
    const claim = openBrowserCookieValue(cookie)
    if (claim !== null) revocationFeed.announce(await store.end(claim, origin))
  }

  return { begin, findLogin, find, end }
}
