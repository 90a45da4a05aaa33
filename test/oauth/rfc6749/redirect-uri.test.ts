import t from 'tap'
import { startApp } from '../../support/app.ts'
import { givenClient, REDIRECT_URI, type TestClient } from '../../support/oauth.ts'
import { givenPerson, outcomeOf, pkceUrl, requestIdOf } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const NATIVE = 'http://127.0.0.1/callback'
const client = await givenClient(app, { redirect_uris: [REDIRECT_URI, NATIVE], first_party: true })
const { browser } = await givenPerson(app)

const WRONG: Record<string, string> = {
  'another host': 'https://evil.example/callback',
  'a host that begins alike': 'https://shop.example.evil.example/callback',
  'the host as user': 'https://shop.example@evil.example/callback',
  'a user before the host': 'https://user@shop.example/callback',
  'the host as password': 'https://a:shop.example@evil.example/callback',
  'another case of the host': 'https://SHOP.example/callback',
  'another case of the path': 'https://shop.example/Callback',
  'a trailing slash': 'https://shop.example/callback/',
  'a path below': 'https://shop.example/callback/more',
  'a path traversal': 'https://shop.example/callback/../callback',
  'an encoded traversal': 'https://shop.example/x%2f..%2fcallback',
  'an encoded letter': 'https://shop.example/c%61llback',
  'a query': 'https://shop.example/callback?x=1',
  'a bare question mark': 'https://shop.example/callback?',
  'a fragment': 'https://shop.example/callback#x',
  'a bare fragment': 'https://shop.example/callback#',
  'the port that is meant anyway': 'https://shop.example:443/callback',
  'another port': 'https://shop.example:8443/callback',
  'plain http': 'http://shop.example/callback',
  'a dot after the host': 'https://shop.example./callback',
  'a backslash': 'https://shop.example\\@evil.example/callback',
  'a blank before': ' https://shop.example/callback',
  'a line break after': 'https://shop.example/callback\r\nx: y',
  'a script': 'javascript:alert(1)//https://shop.example/callback',
  'two in one': 'https://shop.example/callback https://evil.example/',
  'loopback by another name': 'http://localhost/callback',
  'loopback by another number': 'http://127.0.0.2/callback',
  'loopback with another path': 'http://127.0.0.1:4000/other',
  'loopback as user': 'http://127.0.0.1:80@evil.example/callback',
  'loopback with a fragment': 'http://127.0.0.1:4000/callback#x',
  'loopback on a port that is none': 'http://127.0.0.1:99999/callback',
  'loopback by https': 'https://127.0.0.1:4000/callback'
}

for (const [how, redirect_uri] of Object.entries(WRONG)) {
  void t.test(
    `redirect_uri with ${how}: our own page, and nobody is sent (§3.1.2.3, §4.1.2.1)`,
    async (t) => {
      const { status, location, body } = await outcomeOf(browser, pkceUrl(client, { redirect_uri }))
      t.equal(status, 400)
      t.equal(location, '')
      t.notMatch(body, 'evil.example', 'and the page does not repeat it')
    }
  )
}

void t.test('redirect_uri to the letter: the code goes there (§3.1.2.3)', async (t) => {
  const { status, location } = await outcomeOf(browser, pkceUrl(client))
  t.equal(status, 303, 'no browser posts on (RFC 9700 §4.12)')
  t.ok(location.startsWith(`${REDIRECT_URI}?code=`))
})

for (const port of ['', ':80', ':1', ':49152', ':65535']) {
  void t.test(
    `loopback redirect_uri on port "${port}": the only slack (RFC 8252 §7.3)`,
    async (t) => {
      const redirect_uri = `http://127.0.0.1${port}/callback`
      const { location } = await outcomeOf(browser, pkceUrl(client, { redirect_uri }))
      t.ok(location.startsWith(`${redirect_uri}?code=`), location)
    }
  )
}

void t.test('a query in the registered URI: kept to the letter (§3.1.2)', async (t) => {
  const redirect_uri = 'https://shop.example/callback?tenant=a%20b&flag&x=%7e'
  const other = await givenClient(app, { redirect_uris: [redirect_uri], first_party: true })
  const { location } = await outcomeOf(browser, pkceUrl(other, { redirect_uri }))
  t.ok(location.startsWith(`${redirect_uri}&code=`), location)
})

const UNKNOWN: TestClient = { id: 'c_nobody', secret: null }

void t.test('an unknown client: our own page, whatever the URI (§4.1.2.1)', async (t) => {
  const { status, location } = await outcomeOf(browser, pkceUrl(UNKNOWN))
  t.equal(status, 400)
  t.equal(location, '')
})

void t.test("another client's redirect URI: our own page (§3.1.2.3)", async (t) => {
  const other = await givenClient(app, { redirect_uris: ['https://other.example/cb'] })
  const { status, location } = await outcomeOf(browser, pkceUrl(other))
  t.equal(status, 400)
  t.equal(location, '')
})

void t.test('no redirect URI: our own page, even where one is registered', async (t) => {
  const { status, location } = await outcomeOf(browser, pkceUrl(client, { redirect_uri: '' }))
  t.equal(status, 400)
  t.equal(location, '')
})

for (const uri of [
  'http://shop.example/cb',
  'https://shop.example/cb#x',
  'https://*.shop.example/cb',
  'https://user@shop.example/cb',
  'javascript:alert(1)',
  'data:text/html,x',
  'myapp://cb',
  '/relative'
]) {
  void t.test(`registering ${uri}: refused (§3.1.2)`, async (t) => {
    await t.rejects(givenClient(app, { redirect_uris: [uri] }))
  })
}

for (const first_party of [false, true]) {
  void t.test(
    `a public client on loopback, first party ${first_party}: asked about each time (RFC 8252 §8.6)`,
    async (t) => {
      const native = await givenClient(app, {
        token_endpoint_auth_method: 'none',
        redirect_uris: [NATIVE, REDIRECT_URI],
        first_party
      })
      const redirect_uri = 'http://127.0.0.1:4711/callback'
      const { location, page } = await outcomeOf(browser, pkceUrl(native, { redirect_uri }))
      t.equal(page, '/consent')
      const form = { request: requestIdOf(location), decision: 'allow' }
      const allowed = await browser.post('/consent', form)
      t.match(allowed.headers.location, /^http:\/\/127\.0\.0\.1:4711\/callback\?code=/)
      const again = await outcomeOf(browser, pkceUrl(native, { redirect_uri }))
      t.equal(again.page, '/consent', 'whoever waits there now may be another program')
      const silent = await outcomeOf(browser, pkceUrl(native, { redirect_uri, prompt: 'none' }))
      t.equal(silent.told?.['error'], 'consent_required')
      const web = await outcomeOf(browser, pkceUrl(native))
      t.ok(web.told?.['code'], 'https has an owner')
    }
  )
}
