import { PASSWORD, claimsOf, freshEmail } from './builders.ts'
import type { TestServer } from './server.ts'
import { timed } from './timed.ts'

/** For a server with `EMAIL_VERIFICATION=optional`: somebody, registered by the real door. */
export async function givenServerUser(server: TestServer): Promise<string> {
  const email = freshEmail()
  const answer = await server.post('/auth/register', { email, password: PASSWORD })
  if (answer.status !== 201) throw new Error(`register: ${await answer.text()}`)
  return email
}

/** A login of theirs. */
export async function givenServerSession(server: TestServer, email: string) {
  const answer = await server.post('/auth/login', { email, password: PASSWORD })
  if (answer.status !== 200) throw new Error(`login: ${await answer.text()}`)
  const pair = (await answer.json()) as { access_token: string; refresh_token: string }
  return {
    accessToken: pair.access_token,
    refreshToken: pair.refresh_token,
    sessionId: claimsOf(pair.access_token)['sid'] as string
  }
}

export const bearer = (accessToken: string) => ({ authorization: `Bearer ${accessToken}` })

/** GETs with a token; the whole answer has arrived when it resolves. */
export async function ask({ url }: TestServer, path: string, accessToken?: string) {
  const headers = accessToken === undefined ? {} : bearer(accessToken)
  const { result, tookMs } = await timed(async () => {
    const answer = await fetch(url + path, { headers })
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  })
  return { ...result, tookMs }
}
