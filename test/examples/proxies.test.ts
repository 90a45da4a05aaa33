import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { claimsOf } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { listenOnLoopback } from '../support/http-listener.ts'
import { basic, postForm } from '../support/oauth.ts'
import { startHaproxy, startNginx, type StartProxy } from '../support/proxies.ts'
import { exchange, listen } from '../support/raw-http.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { timed } from '../support/timed.ts'
import { ask, bearer, givenTokens, startBlindService } from './given.ts'

const IDENTITY = ['x-user-id', 'x-client-id', 'x-scope', 'x-roles']

const app = await startApp(t)
const service = await startBlindService(t)
const wire = await startTcpProxy(t, `http://127.0.0.1:${await listen(app)}`)
const latchkey = Number(new URL(wire.url).port)

/** Neither the path nor its normal form is open, or an open path is reached by another one. */
const PATHS = [
  '/orders',
  '//orders',
  '/health/../orders',
  '/health/%2e%2e/orders',
  '/health%2f..%2forders',
  '/health/..%2forders',
  '/health;/../orders',
  '/health/',
  '/healthz',
  '/HEALTH',
  '/%68ealth/x',
  '/orders?x=/health',
  '/orders#/health',
  'http://orders.example/orders',
  'http://health/orders',
  '/_verify/',
  '/verify-token'
]

/** Other spellings of the same headers. */
const spelled = (name: string) => [
  name,
  name.toUpperCase(),
  name.replaceAll('-', '_'),
  name.replace('-', '_')
]

for (const [name, startProxy] of Object.entries({ Nginx: startNginx, HAProxy: startHaproxy })) {
  void t.test(`${name}, in front of a service`, async (t) => {
    await attack(t, startProxy)
  })
}

async function attack(t: Test, startProxy: StartProxy): Promise<void> {
  const tokens = await givenTokens(app)
  const good = tokens.person.access_token
  const port = await startProxy(t, { latchkey, service: service.port })
  const present = (token: string, path = '/orders') => ask(port, path, { headers: bearer(token) })
  /** What the service saw meanwhile. */
  const during = async <T>(work: () => Promise<T>) => {
    const before = service.seen.length
    const result = await work()
    return { result, seen: service.seen.slice(before) }
  }

  await t.test('a token of a person: passes, and says who came', async (t) => {
    const body = 'a=1'
    const { result, seen } = await during(() =>
      ask(port, '/orders?x=1', { method: 'POST', headers: bearer(good), body })
    )
    t.equal(result.status, 200)
    t.match(seen, { length: 1, 0: { method: 'POST', url: '/orders?x=1', body } })
    const { headers } = seen[0]!
    t.strictSame(
      IDENTITY.map((header) => headers.get(header)),
      [claimsOf(good)['sub'], tokens.shop.id, 'openid orders:read', 'user']
    )
    t.equal(headers.get('authorization'), `Bearer ${good}`)
  })

  await t.test('headers that a client made up: arrive nowhere', async (t) => {
    const forged = Object.fromEntries(
      IDENTITY.flatMap(spelled).map((header) => [header, ['admin', 'root']])
    )
    const { seen } = await during(async () => {
      const headers = { ...forged, ...bearer(tokens.ofClient) }
      t.equal((await ask(port, '/orders', { headers })).status, 200)
      t.equal((await ask(port, '/health', { headers })).status, 200)
    })
    t.strictSame(
      IDENTITY.map((header) => seen[0]?.headers.get(header)),
      [undefined, tokens.robot.id, 'orders:read', undefined],
      'a client is no person'
    )
    const open = [...IDENTITY, 'authorization'].filter((header) => seen[1]!.headers.has(header))
    t.strictSame(open, [], 'where nobody was asked, nobody came')
  })

  await t.test('a header that names others as hop-by-hop: takes none of them away', async (t) => {
    const connection = 'keep-alive, x-user-id, x-roles, authorization'
    const { seen } = await during(() =>
      ask(port, '/orders', { headers: { ...bearer(good), connection } })
    )
    t.equal(seen[0]?.headers.get('x-user-id'), claimsOf(good)['sub'])
    t.notMatch(seen[0]?.headers.get('connection') ?? '', /x-user-id/i)
  })

  await t.test('a request without a usable token: 401 with a challenge', async (t) => {
    const refused: Record<string, string | string[]> = {
      garbage: 'Bearer garbage',
      'another scheme': `Token ${good}`,
      'no scheme': good,
      'two tokens': `Bearer ${good}, Bearer ${good}`,
      'a quoted token': `Bearer "${good}"`,
      'an ID token': `Bearer ${tokens.person.id_token}`,
      'a refresh token': `Bearer ${tokens.person.refresh_token}`,
      'a token for another service': `Bearer ${tokens.ofStranger}`,
      'a token of a login': `Bearer ${tokens.ofLogin}`,
      'a token that is bound to a key': `Bearer ${tokens.bound}`,
      'a changed token': `Bearer ${good.slice(0, -6)}AAAAAA`
    }
    const { seen } = await during(async () => {
      t.equal((await ask(port, '/orders')).headers['www-authenticate'], 'Bearer realm="latchkey"')
      for (const [what, authorization] of Object.entries(refused)) {
        const answer = await ask(port, '/orders', { headers: { authorization } })
        t.equal(answer.status, 401, what)
        t.match(answer.headers['www-authenticate'], /^Bearer/, what)
      }
      const lines = `Host: x\r\nAuthorization: Bearer x\r\nAuthorization: Bearer ${good}`
      const twice = await exchange(port, `GET / HTTP/1.1\r\n${lines}\r\nConnection: close\r\n\r\n`)
      t.ok([400, 401].includes(twice.statusCode), 'two headers')
    })
    t.strictSame(seen, [])
  })

  await t.test('paths that look open: are not', async (t) => {
    const { seen } = await during(async () => {
      for (const path of PATHS) {
        const { status } = await ask(port, path)
        t.ok(status === 401 || status === 400, `${path}: ${status}`)
      }
      t.ok([401, 404].includes((await ask(port, '/_verify')).status ?? 0), 'nor is ours')
    })
    t.strictSame(seen, [])
    for (const path of ['/orders/../health', '/%68ealth', '/health#/../orders', '//health']) {
      const roundabout = await during(() => ask(port, path))
      const others = roundabout.seen.filter(({ url }) => url !== '/health')
      t.strictSame(others, [], `${path}: nothing but the open path itself is sent on`)
    }
    t.equal((await ask(port, '/health')).status, 200)
  })

  await t.test('the service fails: its own answer arrives', async (t) => {
    t.equal((await present(good, '/broken')).status, 500)
  })

  await t.test('Latchkey is gone, frozen, or says neither: 503, never 401, never in', async (t) => {
    const { seen } = await during(async () => {
      for (const fault of ['stall', 'cut'] as const) {
        await wire[fault]()
        const { result, tookMs } = await timed(() => present(good))
        t.equal(result.status, 503, fault)
        t.ok(Number(result.headers['retry-after']) > 0)
        t.notOk(result.headers['www-authenticate'])
        t.ok(tookMs < 6_000, `${fault}: ${tookMs} ms`)
        await wire.restore()
      }
    })
    t.strictSame(seen, [])
    const odd = { status: 0 }
    const strangePort = await listenOnLoopback(t, ({ url }, response) => {
      response.writeHead(url === '/readyz' ? 200 : odd.status).end()
    })
    const other = await startProxy(t, { latchkey: strangePort, service: service.port })
    for (odd.status of [302, 400, 404, 422, 429, 500, 503]) {
      const { status } = await ask(other, '/orders', { headers: bearer(good) })
      t.equal(status, 503, `it says ${odd.status}`)
    }
  })

  await t.test('after an outage: passes again', async (t) => {
    await eventually('passes', async () => (await present(good)).status === 200)
    t.pass()
  })

  await t.test('a token that was given back: is refused within a second', async (t) => {
    const form = { token: good }
    t.equal((await postForm(app, '/oauth/revoke', form, basic(tokens.shop))).statusCode, 200)
    await eventually('refused', async () => (await present(good)).status === 401, 1_000)
    t.equal((await present(tokens.ofClient)).status, 200, 'others are not')
  })

  await t.test('a token that has expired: is refused', async (t) => {
    await app.moveTime(700)
    t.equal((await present(tokens.ofClient)).status, 401)
    await app.moveTime(0)
  })
}
