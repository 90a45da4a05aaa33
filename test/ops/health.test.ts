import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { givenSession } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { startRedis } from '../support/redis.ts'
import { timed } from '../support/timed.ts'

/** SECURITY F3: an answer within 2 s, recovery within 10 s. */
const ANSWER_WITHIN_MS = 2_000
const RECOVER_WITHIN_MS = 10_000
/** SECURITY F1: recovery within 5 s. */
const REDIS_BACK_WITHIN_MS = 5_000

const app = await startApp(t)

type Server = Pick<Awaited<ReturnType<typeof startBehindWire>>, 'get'>

/** What the three probes say, each within its time. */
async function probe(t: Test, { get }: Server) {
  const read = async (url: string) => {
    const { result, tookMs } = await timed(() => get(url))
    t.ok(tookMs < ANSWER_WITHIN_MS, `${url} after ${tookMs} ms`)
    return { status: result.statusCode, body: result.json<Record<string, unknown>>() }
  }
  return {
    health: await read('/health'),
    livez: await read('/livez'),
    readyz: await read('/readyz')
  }
}

const ALIVE = { status: 200, body: { status: 'alive' } }
const READY = { status: 200, body: { status: 'ready' } }
const NOT_READY = { status: 503, body: { status: 'not ready' } }

void t.test('all is well: healthy, alive, ready, and without a Redis of its own', async (t) => {
  t.match(await probe(t, app), {
    health: { status: 200, body: { status: 'ok', database: 'up', redis: 'in-process' } },
    livez: ALIVE,
    readyz: READY
  })
  const { timestamp, ...rest } = (await app.get('/health')).json<Record<string, string>>()
  t.strictSame(
    Object.keys(rest).sort(),
    ['database', 'redis', 'status'],
    'and nothing else is told'
  )
  t.ok(Math.abs(Date.parse(timestamp!) - Date.now()) < 60_000)
})

for (const fault of ['cut', 'stall'] as const) {
  void t.test(`Postgres, ${fault}: down and not ready, alive; back again: ready`, async (t) => {
    const server = await startBehindWire(t, app)
    await server.wire[fault]()
    t.match(await probe(t, server), {
      health: { status: 503, body: { status: 'down', database: 'down', redis: 'in-process' } },
      livez: ALIVE,
      readyz: NOT_READY
    })
    t.equal((await server.get('/.well-known/jwks.json')).statusCode, 200, 'keys are still there')
    await server.wire.restore()
    const ready = async () => (await server.get('/readyz')).statusCode === 200
    await eventually('readiness', ready, RECOVER_WITHIN_MS)
    t.match((await server.get('/health')).json(), { status: 'ok', database: 'up' })
  })
}

void t.test('Redis killed: degraded, yet ready and at work; back again: ok', async (t) => {
  const redis = await startRedis(t)
  const server = await startBehindWire(t, app, { REDIS_URL: redis.url })
  const { accessToken } = await givenSession(app)
  t.match(await probe(t, server), {
    health: { status: 200, body: { status: 'ok', database: 'up', redis: 'up' } },
    readyz: READY
  })
  for (const fault of [redis.kill, redis.freeze]) {
    await fault()
    t.match(await probe(t, server), {
      health: { status: 200, body: { status: 'degraded', database: 'up', redis: 'down' } },
      livez: ALIVE,
      readyz: READY
    })
    t.equal((await server.get('/auth/me', accessToken)).statusCode, 200, 'it serves')
    await redis.restart()
    const ok = async () => (await server.get('/health')).json<{ status: string }>().status === 'ok'
    await eventually('recovery', ok, REDIS_BACK_WITHIN_MS)
  }
})

void t.test('draining: not ready, alive, and every answer closes its connection', async (t) => {
  const { app: server, get } = await startBehindWire(t, app)
  const before = await get('/livez')
  t.not(before.headers.connection, 'close')
  server.startDraining()
  t.match(await probe(t, { get }), { health: { status: 200 }, livez: ALIVE, readyz: NOT_READY })
  for (const url of ['/livez', '/nope', '/auth/me', '/verify-email', '/docs']) {
    t.equal((await get(url)).headers.connection, 'close', url)
  }
})

void t.test('probes: need no token, and are kept by nobody', async (t) => {
  for (const url of ['/health', '/livez', '/readyz']) {
    const answer = await app.get(url)
    t.equal(answer.headers['cache-control'], 'no-store', url)
    t.notMatch(
      answer.body,
      /postgres|redis:|version|\d+\.\d+\.\d+\.\d+/i,
      `${url}: nothing to go by`
    )
  }
})
