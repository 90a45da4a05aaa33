import t from 'tap'
import { startApp } from '../../support/app.ts'
import { startBehindWire } from '../../support/behind-wire.ts'
import {
  basic,
  givenClient,
  givenCode,
  openBrowser,
  postForm,
  REDIRECT_URI
} from '../../support/oauth.ts'
import { givenPerson, givenTokens, pkceUrl, refreshAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const cut = await startBehindWire(t, app)
const client = await givenClient(app)
const person = await givenPerson(app)
const tokens = await givenTokens(app, client, person)
const { code, verifier } = await givenCode(app, client, {}, person)
const through = { ...app, app: cut.app }
const FORMS: Record<string, Record<string, string>> = {
  'a code': {
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: verifier
  },
  'a refresh token': { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
}

void t.test(
  'Postgres away: 503 and Retry-After, never invalid_grant, invalid_client or inactive',
  async (t) => {
    await cut.wire.cut()
    for (const [what, form] of Object.entries(FORMS)) {
      const answer = await postForm(through, '/oauth/token', form, basic(client))
      t.equal(answer.statusCode, 503, what)
      t.equal(answer.json().error, 'temporarily_unavailable')
      t.ok(answer.headers['retry-after'])
      t.match(answer.headers['cache-control'], /no-store/)
    }
    for (const url of ['/oauth/introspect', '/oauth/revoke']) {
      const answer = await postForm(through, url, { token: tokens.refresh_token }, basic(client))
      t.equal(answer.statusCode, 503, url)
    }
    t.equal((await cut.get('/oauth/userinfo', tokens.access_token)).statusCode, 503)
    const page = await openBrowser(through).get(pkceUrl(client))
    t.equal(page.statusCode, 503, 'and no redirect with an error that is not true')
    t.equal((await cut.get('/.well-known/openid-configuration')).statusCode, 200)
  }
)

void t.test('Postgres back: the same code and the same refresh token work', async (t) => {
  await cut.wire.restore()
  const answer = await postForm(app, '/oauth/token', FORMS['a code'] ?? {}, basic(client))
  t.equal(answer.statusCode, 200)
  t.equal((await refreshAs(app, client, tokens.refresh_token)).statusCode, 200)
})
