import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { valueOf } from '../support/metrics.ts'
import { startRedis } from '../support/redis.ts'
import { startServer } from '../support/server.ts'
import { startInVain } from '../support/start.ts'

const TOKEN = 'a-token-for-prometheus'
const { url: databaseUrl } = await createTestDatabase(t)
const env = {
  DATABASE_URL: databaseUrl,
  REDIS_URL: (await startRedis(t)).url,
  KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
  DATA_DIR: t.testdir(),
  HOST: '127.0.0.1',
  METRICS_TOKEN: TOKEN,
  DATABASE_POOL_SIZE: '7',
  WORKERS: '2'
}
const server = await startServer(t, env)
const origin = `http://127.0.0.1:${server.port}`
const started = /Latchkey is listening on .*\(2 workers\)/g

/** The processes that the primary has started. */
function workerPids(): number[] {
  try {
    const listed = execFileSync('ps', ['-o', 'pid=', '--ppid', String(server.pid)]).toString()
    const own = listed.split('\n').map(Number)
    return own.filter((pid) => pid !== 0 && isNode(pid))
  } catch {
    return [] // ps says 1 where there are none
  }
}

/** And not the `ps` that asks. */
function isNode(pid: number): boolean {
  return execFileSync('ps', ['-o', 'args=', '-p', String(pid)])
    .toString()
    .includes('server.ts')
}

const isUp = async () => (await fetch(`${origin}/readyz`).catch(() => null))?.ok === true

void t.test('two workers, one port: both serve, and one line says so', async (t) => {
  await eventually('the line', () => Promise.resolve(server.output().match(started)), 30_000)
  t.equal(server.output().match(started)?.length, 1)
  t.equal(workerPids().length, 2)
})

void t.test('/metrics, asked of any worker: tells of all', async (t) => {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const text = await (await fetch(`${origin}/metrics`, { headers })).text()
  t.match(text, /^latchkey_/m)
  t.notMatch(text, /worker=/, 'one line for all')
  t.equal((await fetch(`${origin}/metrics`)).status, 401, 'and to the operator only')

  // Each on a connection of its own: the workers take turns.
  for (let i = 0; i < 20; i += 1)
    await fetch(`${origin}/.well-known/jwks.json`, { headers: { connection: 'close' } })
  const read = async () => (await fetch(`${origin}/metrics`, { headers })).text()
  const route = { method: 'GET', route: '/.well-known/jwks.json', status: '2xx' }
  t.equal(valueOf(await read(), 'latchkey_http_requests_total', route), 20, 'counters add up')
  t.equal(valueOf(await read(), 'latchkey_postgres_connections_max'), 14, 'and so do connections')
  t.equal(valueOf(await read(), 'latchkey_signing_keys', { phase: 'active' }), 1, 'and no keys')
})

void t.test('a worker killed: the other goes on, and another takes its place', async (t) => {
  const [victim = 0] = workerPids()
  process.kill(victim, 'SIGKILL')
  await eventually(
    'two workers again',
    () => Promise.resolve(workerPids().length === 2 && !workerPids().includes(victim)),
    30_000
  )
  t.ok(await eventually('answers', isUp, 30_000))
  t.match(server.output(), `Worker ${victim} has ended (SIGKILL). Another one takes its place.`)
})

void t.test('SIGTERM to the primary: every worker drains, and it ends with 0', async (t) => {
  const pids = workerPids()
  t.equal(await server.kill('SIGTERM'), 0)
  for (const pid of pids) t.throws(() => process.kill(pid, 0), 'no worker is left')
})

void t.test('several workers without Redis: refused at the start', async (t) => {
  const { REDIS_URL: _none, ...alone } = env
  const { code, output } = await startInVain(t, alone)
  t.equal(code, 1)
  t.match(output, 'WORKERS must be 1 without REDIS_URL')
})
