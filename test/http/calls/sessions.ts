import { givenSession, givenUser, PASSWORD } from '../../support/builders.ts'
import type { World } from './world.ts'

const OWN_PAGE = { 'sec-fetch-site': 'same-origin' }
const FOREIGN_PAGE = { 'sec-fetch-site': 'cross-site' }
const REFRESH = ['POST /auth/refresh-token', 'POST /auth/refresh'] as const

/** Logging in, staying in, logging out, and asking about a token. */
export async function callSessions({ app, call }: World): Promise<void> {
  const { email } = await givenUser(app)
  const login = { email, password: PASSWORD }
  await call('POST /auth/login', { body: login })
  await call('POST /auth/login', { body: { ...login, password: 'not-the-password' } })
  const inCookie = { ...login, token_delivery: 'cookie' }
  await call('POST /auth/login', { body: inCookie, headers: FOREIGN_PAGE })
  for (const refresh of REFRESH) {
    const answer = await call('POST /auth/login', { body: inCookie, headers: OWN_PAGE })
    const cookie = answer.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    await call(refresh, { headers: { ...FOREIGN_PAGE, cookie } })
    await call(refresh, { headers: { ...OWN_PAGE, cookie } })
    await call('POST /auth/logout', { headers: { ...FOREIGN_PAGE, cookie } })
    await call('POST /auth/logout', { headers: { ...OWN_PAGE, cookie } })
    const { refreshToken: refresh_token } = await givenSession(app)
    await call(refresh, { body: { refresh_token } })
    await call(refresh, { body: { refresh_token: 'garbage' } })
  }
  const { user, accessToken: token, sessionId } = await givenSession(app)
  await call('GET /auth/verify-token', { token })
  await call('GET /verify-token', { token })
  await call('GET /users/sessions', { token })
  const stranger = await givenSession(app)
  await call('DELETE /users/sessions/{id}', { token: stranger.accessToken, id: sessionId })
  const another = await givenSession(app, user)
  await call('DELETE /users/sessions/{id}', { token, id: another.sessionId })
}
