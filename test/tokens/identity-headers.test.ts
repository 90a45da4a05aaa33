import t from 'tap'
import { identityHeaders } from '../../src/tokens/identity-headers.ts'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'

const claims = {
  iss: 'https://id.example',
  aud: 'https://id.example',
  sub: 'somebody',
  client_id: 'shop',
  scope: 'openid orders:read',
  sid: 'session',
  roles: ['admin', 'user'],
  iat: 1,
  exp: 2,
  jti: '1'
}

void t.test('/verify-token, with a good token: says in headers who came', async (t) => {
  const app = await startApp(t)
  const { user, accessToken } = await givenSession(app)
  for (const url of ['/verify-token', '/auth/verify-token']) {
    const { headers } = await app.get(url, accessToken)
    t.match(headers, { 'x-user-id': user.id, 'x-client-id': 'latchkey', 'x-roles': 'user' })
    t.equal(headers['cache-control'], 'no-store')
    t.equal((await app.get(url, `${accessToken}x`)).headers['x-user-id'], undefined)
  }
})

void t.test('a token without a session: is nobody’s, whatever its subject', (t) => {
  const { sid: _sid, ...machine } = claims
  t.notHas(identityHeaders(machine), { 'x-user-id': String })
  t.match(identityHeaders(claims), { 'x-user-id': 'somebody', 'x-roles': 'admin user' })
  t.end()
})

void t.test('a claim that is no line of ASCII: is left out', (t) => {
  for (const scope of ['', ' ', 'a\r\nx-user-id: root', 'läsen', 'a  b', ' a', 'a\0']) {
    t.notHas(identityHeaders({ ...claims, scope }), { 'x-scope': String }, JSON.stringify(scope))
  }
  t.end()
})
