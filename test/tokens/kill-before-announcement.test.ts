import t, { type Test } from 'tap'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { REFUSED_WITHIN_MS } from '../support/replicas.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { givenServerEnv } from '../support/server-env.ts'
import { startServer } from '../support/server.ts'
import { ask, bearer, givenServerSession, givenServerUser } from '../support/server-sessions.ts'

/** Two real servers, a frozen Redis, and the one that took the logout dies the moment it is committed. */
async function dies(t: Test, mend: (redis: TestRedis) => unknown): Promise<void> {
  const redis = await startRedis(t)
  const shared = await givenServerEnv(t, await createTestDatabase(t))
  const env = { ...shared.env, REDIS_URL: redis.url, LOG_LEVEL: 'silent' }
  const [first, second] = await Promise.all([startServer(t, env), startServer(t, env)])
  const email = await givenServerUser(first)
  const [gone, good] = [
    await givenServerSession(first, email),
    await givenServerSession(first, email)
  ]
  t.equal((await ask(second, '/verify-token', gone.accessToken)).status, 200, 'good at the other')

  redis.freeze()
  // Nobody waits for the answer: the process dies as soon as Postgres has the fact.
  first.post('/auth/logout', {}, bearer(gone.accessToken)).catch(() => undefined)
  await eventually('commit', async () => {
    const { rowCount } = await shared.database.query(
      'SELECT FROM session WHERE id = $1 AND revoked_at IS NOT NULL',
      [gone.sessionId]
    )
    return rowCount === 1
  })
  const committedAtMs = performance.now()
  await first.kill('SIGKILL')
  await mend(redis)
  await eventually('refusal at the other', async () => {
    return (await ask(second, '/verify-token', gone.accessToken)).status === 401
  })
  const tookMs = Math.round(performance.now() - committedAtMs)
  t.ok(tookMs < REFUSED_WITHIN_MS, `refused by the other ${tookMs} ms after the commit`)
  t.comment(`refused by the other ${tookMs} ms after the commit`)
  t.equal((await ask(second, '/verify-token', good.accessToken)).status, 200, 'nothing else is')

  const third = await startServer(t, env)
  t.equal((await ask(third, '/verify-token', gone.accessToken)).status, 401, 'and by a new server')
  t.equal((await ask(third, '/verify-token', good.accessToken)).status, 200)
}

void t.test('a server killed between commit and announcement, Redis thawed: not lost', (t) =>
  dies(t, (redis) => redis.thaw())
)

void t.test('a server killed between commit and announcement, Redis empty: not lost', (t) =>
  // What may still have lain in the buffers of the wire dies with Redis.
  dies(t, (redis) => redis.restart())
)
