import t from 'tap'
import { startApp } from '../support/app.ts'
import {
  PASSWORD,
  claimsOf,
  freshEmail,
  givenSession,
  mailTo,
  refresh,
  secretsOf
} from '../support/builders.ts'

const app = await startApp(t)

void t.test('a refresh token as an access token: refused everywhere, and still good', async (t) => {
  const { refreshToken, sessionId } = await givenSession(app)
  for (const token of [refreshToken, refreshToken.slice(4)]) {
    for (const url of ['/auth/verify-token', '/verify-token', '/auth/me']) {
      t.match(await app.get(url, token), {
        statusCode: 401,
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' }
      })
    }
  }
  const [session] = await app.sql('SELECT generation, revoked_at FROM session WHERE id = $1', [
    sessionId
  ])
  t.strictSame(session, { generation: 0, revoked_at: null }, 'nothing was spent')
  t.equal((await refresh(app, refreshToken)).statusCode, 200)
})

void t.test('an access token as a refresh token: refused, and still good', async (t) => {
  const { accessToken } = await givenSession(app)
  // The whole is longer than any refresh token; its parts are not.
  for (const token of [accessToken, `lkr_${accessToken}`, ...accessToken.split('.')]) {
    const answer = await refresh(app, token)
    t.equal(answer.statusCode, token.length > 512 ? 422 : 401)
    t.notOk('access_token' in answer.json())
  }
  t.equal((await app.get('/auth/me', accessToken)).statusCode, 200)
})

void t.test('a mail’s token as any other, and any other as a mail’s: refused', async (t) => {
  const email = freshEmail()
  await app.post('/auth/register', { email, password: PASSWORD })
  const { token } = secretsOf(await mailTo(app, email))
  const { accessToken, refreshToken } = await givenSession(app)
  t.equal((await app.get('/verify-token', token)).statusCode, 401)
  t.equal((await refresh(app, token)).statusCode, 401)
  for (const other of [
    refreshToken,
    ...accessToken.split('.'),
    String(claimsOf(accessToken)['jti'])
  ]) {
    const answer = await app.post('/auth/verify-email', { token: other })
    t.ok([400, 422].includes(answer.statusCode), `${answer.statusCode}`)
  }
  t.equal((await app.post('/auth/verify-email', { token })).statusCode, 200, 'and it is unspent')
})
