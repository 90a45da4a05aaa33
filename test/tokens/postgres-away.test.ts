import t, { type Test } from 'tap'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { startRedis } from '../support/redis.ts'
import { givenServerEnv } from '../support/server-env.ts'
import { startServer } from '../support/server.ts'
import { ask, bearer, givenServerSession, givenServerUser } from '../support/server-sessions.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

/** The promises are 2 s and 10 s (SECURITY F3); the rest is for a loaded machine. */
const ANSWERS_WITHIN_MS = 3_000
const RECOVERS_WITHIN_MS = 12_000
/** How old the feed may be before its silence proves nothing. */
const FRESH_MS = 1_000

const { env } = await givenServerEnv(t, await createTestDatabase(t))
const wire = await startTcpProxy(t, env.DATABASE_URL)
const server = await startServer(t, {
  ...env,
  DATABASE_URL: wire.url,
  REDIS_URL: (await startRedis(t)).url,
  LOG_LEVEL: 'silent'
})
const email = await givenServerUser(server)
const good = await givenServerSession(server, email)
const gone = await givenServerSession(server, email)
await server.post('/auth/logout', {}, bearer(gone.accessToken))

type Answer = Awaited<ReturnType<typeof ask>>

function is503(t: Test, { status, headers, tookMs }: Answer, what: string): void {
  t.equal(status, 503, `${what} is 503`)
  t.match(headers.get('retry-after'), /^[1-9]\d*$/)
  t.equal(headers.get('content-type'), 'application/problem+json')
  t.equal(headers.get('www-authenticate'), null)
  t.ok(tookMs < ANSWERS_WITHIN_MS, `${what} answered after ${tookMs} ms`)
}

async function survives(t: Test, away: () => unknown, back: () => unknown): Promise<void> {
  t.equal((await ask(server, '/verify-token', good.accessToken)).status, 200)
  const startedAtMs = performance.now()
  await away()
  // While the feed is fresh the answer is 200, then 503, and never 401.
  await eventually('503', async () => {
    const { status, tookMs } = await ask(server, '/verify-token', good.accessToken)
    if (![200, 503].includes(status)) throw new Error(`a good token got ${status}`)
    if (tookMs >= ANSWERS_WITHIN_MS) throw new Error(`it took ${tookMs} ms`)
    return status === 503
  })
  const staleMs = Math.round(performance.now() - startedAtMs)
  t.ok(staleMs < FRESH_MS + ANSWERS_WITHIN_MS, `first 503 after ${staleMs} ms`)

  is503(t, await ask(server, '/verify-token', good.accessToken), '/verify-token')
  is503(t, await ask(server, '/auth/verify-token', good.accessToken), '/auth/verify-token')
  is503(t, await ask(server, '/auth/me', good.accessToken), '/auth/me')
  t.ok([401, 503].includes((await ask(server, '/verify-token', gone.accessToken)).status))
  t.equal((await ask(server, '/verify-token', 'garbage')).status, 401, 'garbage needs no Postgres')
  const crowd = await Promise.all(
    Array.from({ length: 50 }, () => ask(server, '/verify-token', good.accessToken))
  )
  t.strictSame(new Set(crowd.map(({ status }) => status)), new Set([503]), 'fifty at once')
  const slowestMs = Math.max(...crowd.map(({ tookMs }) => tookMs))
  t.ok(slowestMs < ANSWERS_WITHIN_MS, `the slowest of them after ${slowestMs} ms`)
  const refreshed = await server.post('/auth/refresh-token', { refresh_token: good.refreshToken })
  t.equal(refreshed.status, 503, 'a refresh is 503 too: nobody throws a good token away')
  const jwks = await ask(server, '/.well-known/jwks.json')
  t.equal(jwks.status, 200, 'the published keys stay')
  t.ok(jwks.tookMs < 250, `after ${jwks.tookMs} ms`)
  t.equal((await ask(server, '/readyz')).status, 503)
  t.equal((await ask(server, '/livez')).status, 200)

  const backAtMs = performance.now()
  await back()
  await eventually(
    'recovery',
    async () => {
      const { status } = await ask(server, '/verify-token', good.accessToken)
      if (![200, 503].includes(status)) throw new Error(`a good token got ${status}`)
      return status === 200 && (await ask(server, '/auth/me', good.accessToken)).status === 200
    },
    RECOVERS_WITHIN_MS
  )
  const recoveredMs = Math.round(performance.now() - backAtMs)
  t.ok(recoveredMs < RECOVERS_WITHIN_MS, `recovered after ${recoveredMs} ms`)
  t.comment(`503 after ${staleMs} ms, fifty within ${slowestMs} ms, recovered in ${recoveredMs} ms`)
  t.equal((await ask(server, '/verify-token', gone.accessToken)).status, 401, 'still revoked')
  const next = await server.post('/auth/refresh-token', { refresh_token: good.refreshToken })
  t.equal(next.status, 200, 'the refresh token that got a 503 still works')
  good.refreshToken = ((await next.json()) as { refresh_token: string }).refresh_token
}

void t.test('Postgres, cut off: 503 and never 401, and it recovers by itself', (t) =>
  survives(t, wire.cut, wire.restore)
)

void t.test('Postgres, frozen and thawed: 503 and never 401, and it recovers by itself', (t) =>
  survives(t, wire.stall, wire.restore)
)

void t.test('Postgres, frozen, its old connections dead for good: it recovers by itself', (t) =>
  survives(t, wire.stall, wire.restoreForNew)
)
