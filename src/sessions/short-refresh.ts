import type { IncomingMessage } from 'node:http'
import type { ShortAnswer } from '../http/short-paths.ts'
import type { Refresh } from './refresh.ts'
import type { TokenPair } from './token-pair.ts'

/** What nearly every client sends. Whatever else comes is the schema's to judge. */
const PLAIN = /^\{[ \t\r\n]*"refresh_token"[ \t\r\n]*:[ \t\r\n]*"([\w-]{1,512})"[ \t\r\n]*\}$/
const HEADERS = { 'content-type': 'application/json; charset=utf-8' }

/** A good refresh token in a body: nothing that the lifecycle does for others is needed for it. */
export function createShortRefresh({ refreshCurrent }: Pick<Refresh, 'refreshCurrent'>) {
  /** Of what goes through the lifecycle after all: a fault is told once. */
  const tried = new WeakMap<IncomingMessage, Promise<ShortAnswer | null>>()

  function findShort(request: IncomingMessage, body: string): Promise<ShortAnswer | null> | null {
    const token = PLAIN.exec(body)?.[1]
    if (token === undefined) return null
    const trying = answer(token)
    tried.set(request, trying)
    return trying
  }

  async function answer(token: string): Promise<ShortAnswer | null> {
    const refreshed = await refreshCurrent(token)
    if (refreshed === null) return null
    const { pair, userId, sessionId } = refreshed
    return { headers: HEADERS, body: jsonOf(pair), userId, sessionId }
  }

  /** Throws what it failed with for this request: that is not to be done again. */
  async function requireNoFault(request: IncomingMessage): Promise<void> {
    await tried.get(request)
  }

  return { findShort, requireNoFault }
}

/** As the schema's serializer writes it, optional fields last. Tokens are URL-safe: nothing is to be escaped. */
function jsonOf({ access_token, token_type, expires_in, ...refresh }: TokenPair): string {
  return (
    `{"access_token":"${access_token}","token_type":"${token_type}","expires_in":${expires_in}` +
    `,"refresh_expires_in":${refresh.refresh_expires_in},"refresh_token":"${refresh.refresh_token}"}`
  )
}
