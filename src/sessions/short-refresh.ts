import type { AnswerJson } from '../http/short-json.ts'
import type { Refresh } from './refresh.ts'
import type { TokenPair } from './token-pair.ts'

/** What nearly every client sends. Whatever else comes is the schema's to judge. */
const PLAIN = /^\{[ \t\r\n]*"refresh_token"[ \t\r\n]*:[ \t\r\n]*"([\w-]{1,512})"[ \t\r\n]*\}$/

/** A good refresh token in a body: nothing that the lifecycle does for others is needed for it. */
export function createShortRefresh({
  refreshCurrent
}: Pick<Refresh, 'refreshCurrent'>): AnswerJson {
  async function answer(token: string) {
    const refreshed = await refreshCurrent(token)
    if (refreshed === null) return null
    const { pair, userId, sessionId } = refreshed
    return { body: jsonOf(pair), userId, sessionId }
  }

  return (body) => {
    const token = PLAIN.exec(body.toString('latin1'))?.[1]
    return token === undefined ? undefined : answer(token)
  }
}

/** As the schema's serializer writes it, optional fields last. Tokens are URL-safe: nothing is to be escaped. */
function jsonOf({ access_token, token_type, expires_in, ...refresh }: TokenPair): string {
  return (
    `{"access_token":"${access_token}","token_type":"${token_type}","expires_in":${expires_in}` +
    `,"refresh_expires_in":${refresh.refresh_expires_in},"refresh_token":"${refresh.refresh_token}"}`
  )
}
