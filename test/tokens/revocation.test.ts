import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, refresh } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import {
  REFUSED_WITHIN_MS,
  givenReplicas,
  logout,
  untilRefused,
  verdict,
  type Replicas
} from '../support/replicas.ts'
import { timed } from '../support/timed.ts'

/** The promise of SECURITY F1. */
const ADDED_MS = 250

const replicas = await givenReplicas(t)
const { redis, here, there, both } = replicas

/** The fastest of a few answers: what a fault adds, it adds to all of them; a busy machine does not. */
async function fastest(acts: (() => Promise<number>)[]): Promise<number> {
  let tookMs = Number.POSITIVE_INFINITY
  for (const act of acts) tookMs = Math.min(tookMs, (await timed(act)).tookMs)
  return tookMs
}

void t.test('a logout at one server: refused by both within a second', async (t) => {
  for (const [first, second] of [
    [here, there],
    [there, here]
  ] as const) {
    const { accessToken } = await givenSession(first)
    t.equal(await verdict(second, accessToken), 200, 'good everywhere before')
    t.equal(await logout(first, accessToken), 200)
    t.equal(await verdict(first, accessToken), 401, 'refused at once where it happened')
    const tookMs = await untilRefused([second], accessToken)
    t.ok(tookMs < REFUSED_WITHIN_MS, `refused by the other after ${tookMs} ms`)
    t.comment(`refused by the other after ${tookMs} ms`)
    t.equal((await second.get('/auth/me', accessToken)).statusCode, 401)
  }
})

void t.test(
  'a refresh token used twice at one server: its session’s tokens die at both',
  async (t) => {
    const { accessToken, refreshToken } = await givenSession(here)
    const second = (await refresh(here, refreshToken)).json()
    const third = (await refresh(there, second.refresh_token)).json()
    t.equal((await refresh(here, refreshToken)).statusCode, 401, 'reuse')
    for (const token of [accessToken, second.access_token, third.access_token]) {
      t.ok((await untilRefused(both, token)) < REFUSED_WITHIN_MS)
    }
  }
)

/** What a fault of Redis must not change; `mend` brings it back. */
async function holds(
  t: Test,
  { redis, here, there, both }: Replicas,
  fault: () => unknown,
  mend: () => unknown
): Promise<void> {
  const user = await givenUser(here)
  const login = async () => (await givenSession(here, user)).accessToken
  const [gone, good] = [await login(), await login()]
  const spare = [await login(), await login(), await login()]
  const leaving = [await login(), await login(), await login()]
  const verifyGood = Array.from({ length: 5 }, () => () => verdict(there, good))
  await logout(here, gone)
  await untilRefused(both, gone)
  const calmVerifyMs = await fastest(verifyGood)
  const calmLogoutMs = await fastest(spare.map((token) => () => logout(there, token)))

  await fault()
  const watch = watchVerdicts(replicas, gone, good)
  const verifyMs = await fastest(verifyGood)
  const logoutMs = await fastest(leaving.map((token) => () => logout(there, token)))
  const refusedMs = await untilRefused(both, leaving.at(-1)!)
  for (const token of leaving) await untilRefused(both, token)
  const heard = `verify ${verifyMs} ms (calm ${calmVerifyMs}), logout ${logoutMs} ms (calm ${calmLogoutMs})`
  t.comment(`${heard}, refused by the other after ${refusedMs} ms`)
  t.ok(refusedMs < REFUSED_WITHIN_MS, `a logout meanwhile: refused after ${refusedMs} ms`)
  t.ok(verifyMs <= calmVerifyMs + ADDED_MS, `/verify-token took ${verifyMs} ms`)
  t.ok(logoutMs <= calmLogoutMs + ADDED_MS, `/auth/logout took ${logoutMs} ms`)
  const fresh = await login()
  t.equal(await verdict(there, fresh), 200, 'a login meanwhile')
  await delay(1_500) // several readings of the feed, and longer than it may be stale

  await mend()
  await eventually('Redis is back', async () => (await redis.flush()) === '+OK')
  await logout(here, fresh)
  t.ok((await untilRefused(both, fresh)) < REFUSED_WITHIN_MS, 'a logout after')
  const { gone: goneSeen, good: goodSeen, rounds } = await watch.stop()
  t.strictSame(goneSeen, new Set([401]), `never believed again in ${rounds} rounds`)
  t.strictSame(goodSeen, new Set([200]), 'and the good one never refused')
}

/** Asks both servers about both tokens, again and again. */
function watchVerdicts({ both }: Replicas, goneToken: string, goodToken: string) {
  const seen = { gone: new Set<number>(), good: new Set<number>(), rounds: 0 }
  const end = new AbortController()
  const ending = (async () => {
    while (!end.signal.aborted) {
      for (const app of both) {
        seen.gone.add(await verdict(app, goneToken))
        seen.good.add(await verdict(app, goodToken))
      }
      seen.rounds += 1
      await delay(10)
    }
  })()
  return {
    stop: async () => {
      end.abort()
      await ending
      return seen
    }
  }
}

void t.test('Redis, flushed: no revocation is lost, nothing good is refused', (t) =>
  holds(t, replicas, redis.flush, () => undefined)
)

void t.test('Redis, frozen and thawed: no revocation is lost, nothing good is refused', (t) =>
  holds(t, replicas, redis.freeze, redis.thaw)
)

void t.test('Redis, killed and restarted: no revocation is lost, nothing good is refused', (t) =>
  holds(t, replicas, redis.kill, redis.restart)
)

void t.test(
  'a server started after the logout, with Redis empty: refuses from the first',
  async (t) => {
    const { accessToken } = await givenSession(here)
    await logout(here, accessToken)
    await redis.flush()
    const third = await startApp(t, here.env)
    t.equal(await verdict(third, accessToken), 401)
  }
)

void t.test('a revocation whose commit comes 3 s late: not missed', async (t) => {
  const { accessToken, sessionId } = await givenSession(here)
  const other = await givenSession(here)
  const late = new Client({ connectionString: here.databaseUrl })
  await late.connect()
  t.teardown(() => late.end())
  await late.query('BEGIN')
  await late.query('UPDATE session SET revoked_at = latchkey_now() WHERE id = $1', [sessionId])
  await delay(3_000)
  for (const app of both) t.equal(await verdict(app, accessToken), 200, 'not committed yet')
  await late.query('COMMIT')
  const tookMs = await untilRefused(both, accessToken)
  t.ok(tookMs < REFUSED_WITHIN_MS, `refused by both ${tookMs} ms after the commit`)
  t.comment(`refused by both ${tookMs} ms after the commit`)
  for (const app of both) t.equal(await verdict(app, other.accessToken), 200, 'nothing else')
})
