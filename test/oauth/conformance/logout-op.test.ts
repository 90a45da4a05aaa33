import { createRemoteJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { startConformance } from '../../support/conformance.ts'
import { formOf } from '../../support/http-browser.ts'
import { encode } from '../../support/jws.ts'
import { eventually } from '../../support/eventually.ts'
import { startLogoutListener } from '../../support/logout-listener.ts'

const { host, heard } = await startLogoutListener(t)
const op = await startConformance(t, 'query', { OUTBOUND_ALLOWED_HOSTS: host })
const end = String(op.metadata['end_session_endpoint'])
const urlOf = (query: Record<string, string>) => `${end}?${new URLSearchParams(query).toString()}`

/** A tampered ID token, whose signature does not fit. */
function modified(token: string): string {
  const [head = '', body = '', signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>
  const forged: Record<string, unknown> = { ...claims, sub: 'somebody' }
  return `${head}.${encode(forged)}.${signature}`
}

/** Where somebody comes to rest: at the application, or on a page of ours that says what has become of them. */
type End = string | { page: 'refused' | 'asks' | 'logged out' }

/** What is asked for, by the suite's names. */
const MODULES: Record<string, [(hint: string) => Record<string, string>, End]> = {
  'oidcc-rp-initiated-logout': [
    (id_token_hint) => ({ id_token_hint, post_logout_redirect_uri: op.home, state: 's1' }),
    `${op.home}?state=s1`
  ],
  'oidcc-rp-initiated-logout-no-state': [
    (id_token_hint) => ({ id_token_hint, post_logout_redirect_uri: op.home }),
    op.home
  ],
  'oidcc-rp-initiated-logout-bad-post-logout-redirect-uri': [
    (id_token_hint) => ({ id_token_hint, post_logout_redirect_uri: `${op.home}/x`, state: 's1' }),
    { page: 'refused' }
  ],
  'oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri': [
    (id_token_hint) => ({
      id_token_hint,
      post_logout_redirect_uri: `${op.home}?foo=bar`,
      state: 's1'
    }),
    { page: 'refused' }
  ],
  'oidcc-rp-initiated-logout-modified-id-token-hint': [
    (hint) => ({ id_token_hint: modified(hint), post_logout_redirect_uri: op.home, state: 's1' }),
    { page: 'refused' }
  ],
  'oidcc-rp-initiated-logout-bad-id-token-hint': [
    () => ({ id_token_hint: 'x.y.z', post_logout_redirect_uri: op.home, state: 's1' }),
    { page: 'refused' }
  ],
  'oidcc-rp-initiated-logout-no-id-token-hint': [
    () => ({ post_logout_redirect_uri: op.home, state: 's1' }),
    { page: 'refused' }
  ],
  'oidcc-rp-initiated-logout-no-params': [() => ({}), { page: 'asks' }],
  'oidcc-rp-initiated-logout-no-post-logout-redirect-uri': [
    (id_token_hint) => ({ id_token_hint, state: 's1' }),
    { page: 'logged out' }
  ],
  'oidcc-rp-initiated-logout-only-state': [() => ({ state: 's1' }), { page: 'asks' }]
}

for (const [name, [make, expected]] of Object.entries(MODULES)) {
  void t.test(`RP-initiated logout OP, ${name}`, async (t) => {
    const { browser, tokens } = await op.run(t)
    const rest = await browser.visit(urlOf(make(tokens['id_token'] ?? '')), op.whoIsAt(browser))
    const isLoggedIn = async () => {
      const { told } = await op.authorize(op.ask(op.client, { prompt: 'none' }, browser))
      if (told['code'] === undefined) t.match(told['error'], /_required$/)
      return told['code'] !== undefined
    }
    if (typeof expected === 'string') {
      t.equal(rest.url.href, expected)
      t.notOk(await isLoggedIn(), 'nobody is logged in any more')
      return
    }
    t.equal(rest.url.origin, op.app.issuer, 'nobody is sent anywhere')
    t.equal(rest.status, expected.page === 'refused' ? 400 : 200)
    t.equal(await isLoggedIn(), expected.page !== 'logged out')
    const form = formOf(rest.html)
    if (expected.page !== 'asks') return
    t.equal(form?.action, '/oauth/logout/confirm')
    const said = await browser.load(new URL('/oauth/logout/confirm', end), form?.fields ?? {})
    t.match(said, { status: 200, location: null })
    t.notOk(await isLoggedIn(), 'after a yes')
  })
}

void t.test('Back-channel logout OP, oidcc-backchannel-rp-initiated-logout', async (t) => {
  const { browser, tokens, idToken } = await op.run(t, {}, { of: op.listener })
  const hint = tokens['id_token'] ?? ''
  const rest = await browser.visit(
    urlOf({ id_token_hint: hint, post_logout_redirect_uri: op.home, state: 's' }),
    op.whoIsAt(browser)
  )
  t.equal(rest.url.href, `${op.home}?state=s`)
  const token = await eventually('a logout token', () => Promise.resolve(heard[0]?.token))
  const keys = createRemoteJWKSet(new URL(String(op.metadata['jwks_uri'])))
  const { payload } = await jwtVerify(token, keys, {
    issuer: op.app.issuer,
    audience: op.listener.id,
    requiredClaims: ['iat', 'jti', 'exp']
  })
  t.match(payload, { sub: idToken.sub, sid: idToken['sid'] })
  t.same(payload['events'], { 'http://schemas.openid.net/event/backchannel-logout': {} })
  t.notOk('nonce' in payload)
  const after = await op.authorize(op.ask(op.listener, { prompt: 'none' }, browser))
  t.match(after.told['error'], /_required$/)
})
