import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'

const LISTED = ['https://app.example.com', 'https://other.example.com:8443']
/** What a browser may say that is not on the list, however alike. */
const FOREIGN = [
  'https://evil.example',
  'https://app.example.com.evil.example',
  'https://evilapp.example.com',
  'https://sub.app.example.com',
  'https://example.com',
  'http://app.example.com',
  'https://app.example.com:8443',
  'https://other.example.com',
  'https://other.example.com:443',
  'https://app.example.com/',
  'https://app-example.com',
  'https://app.example.com, https://evil.example',
  'HTTPS://APP.EXAMPLE.COM',
  'null',
  'file://',
  '*',
  ''
]
const ROUTES = ['/auth/me', '/auth/verify-token', '/health', '/nope']

const app = await startApp(t, { CORS_ORIGINS: LISTED.join(', ') })
const closed = await startApp(t)

async function get({ app: server }: TestApp, url: string, origin: string) {
  return server.inject({ url, headers: { origin } })
}

async function preflight({ app: server }: TestApp, url: string, origin: string) {
  const asks = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type'
  }
  return server.inject({ method: 'OPTIONS', url, headers: { origin, ...asks } })
}

void t.test('a listed origin: named exactly, without credentials', async (t) => {
  for (const origin of LISTED) {
    for (const url of ROUTES) {
      const { headers } = await get(app, url, origin)
      t.equal(headers['access-control-allow-origin'], origin, url)
      t.match(headers['vary'], /\borigin\b/i, 'a cache keeps the answers apart')
      t.equal(headers['access-control-allow-credentials'], 'true', 'a front end may use cookies')
      t.match(headers['access-control-expose-headers'], /www-authenticate/i)
    }
  }
})

void t.test('a preflight of a listed origin: 204 with what it may do', async (t) => {
  for (const url of ['/auth/login', '/auth/me']) {
    const { statusCode, headers, body } = await preflight(app, url, LISTED[0]!)
    t.equal(statusCode, 204)
    t.equal(body, '')
    t.match(headers, {
      'access-control-allow-origin': LISTED[0],
      'access-control-allow-methods': /\bPOST\b.*\bDELETE\b/,
      'access-control-allow-headers': 'authorization, content-type'
    })
    t.equal(headers['access-control-allow-credentials'], 'true')
  }
})

for (const [what, server] of [
  ['not on the list', app],
  ['while there is no list', closed]
] as const) {
  void t.test(`an origin, ${what}: gets no permission`, async (t) => {
    for (const origin of server === closed ? [...FOREIGN, ...LISTED] : FOREIGN) {
      for (const url of ROUTES) {
        const { headers } = await get(server, url, origin)
        t.equal(headers['access-control-allow-origin'], undefined, `${url} for ${origin}`)
        const asked = await preflight(server, url, origin)
        t.equal(asked.headers['access-control-allow-origin'], undefined, `preflight of ${origin}`)
      }
    }
  })
}

void t.test('what is public anyway: open to every origin, without credentials', async (t) => {
  for (const server of [app, closed]) {
    for (const origin of [...FOREIGN, ...LISTED]) {
      for (const url of ['/.well-known/jwks.json', '/openapi.json']) {
        const { headers, statusCode } = await get(server, url, origin)
        t.equal(statusCode, 200)
        t.equal(headers['access-control-allow-origin'], '*', `${url} for ${origin}`)
        t.equal(headers['access-control-allow-credentials'], undefined)
      }
    }
  }
})
