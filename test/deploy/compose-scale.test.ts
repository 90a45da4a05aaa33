import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startCaddy } from '../support/caddy.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { startNameServer } from '../support/name-server.ts'
import { startRedis } from '../support/redis.ts'
import { givenServerEnv } from '../support/server-env.ts'
import { freePort, startServer, type TestServer } from '../support/server.ts'
import { timed } from '../support/timed.ts'
import { filledIn, readCompose } from './compose-file.ts'

const CADDYFILE = readCompose(filledIn()).configs['proxy']!.content
/** As in a network of containers: one port, and an address for each. */
const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

/** The proxy as in docker-compose.yml, before these servers. @returns its port, and what starts a server */
async function given(
  t: Test,
  write: (caddyfile: string, port: number) => string = (caddyfile) => caddyfile
) {
  const { env } = await givenServerEnv(t, await createTestDatabase(t))
  const port = await freePort()
  const redis = await startRedis(t)
  const start = (host: string) =>
    startServer(t, {
      ...env,
      HOST: host,
      PORT: String(port),
      REDIS_URL: redis.url,
      LOG_LEVEL: 'info'
    })
  const names = await startNameServer(t, () => HOSTS)
  const front = await freePort()
  const caddyfile = CADDYFILE.replace('https://localhost', `http://127.0.0.1:${front}`).replace(
    'port 3000',
    `port ${port}\n resolvers udp/${names.address}`
  )
  t.not(caddyfile.indexOf(names.address), -1)
  await startCaddy(t, write(caddyfile, port), front)
  return { start, front }
}

void t.test(
  'the proxy of docker-compose.yml before three servers, one killed, one stopped, under load: every request is served',
  async (t) => {
    const { start, front } = await given(t)
    const servers = await Promise.all(HOSTS.map(start))
    const served = (server: TestServer) => server.output().split('jwks.json').length - 1
    const spread = async (wanted: TestServer[]) => {
      const before = wanted.map(served)
      await eventually(
        'requests at every server',
        () => Promise.resolve(wanted.every((server, i) => served(server) > (before[i] ?? 0) + 5)),
        30_000
      )
    }
    const state = { isStopping: false }
    const answers: { kind: string; status: number }[] = []
    const load = Array.from({ length: 8 }, async (_, i) => {
      while (!state.isStopping) {
        const isSafe = i % 2 === 0
        const answer = isSafe
          ? fetch(`http://127.0.0.1:${front}/.well-known/jwks.json`)
          : fetch(`http://127.0.0.1:${front}/auth/logout`, { method: 'POST' })
        const status = await answer.then(
          (got) => got.arrayBuffer().then(() => got.status),
          () => 0
        )
        answers.push({ kind: isSafe ? 'read' : 'write', status })
        await delay(5)
      }
    })
    const wrong = (kind?: string) =>
      answers.filter((one) => one.status !== 200 && (kind === undefined || one.kind === kind))

    await spread(servers)
    t.strictSame(wrong(), [], 'three')
    await servers[2]!.kill('SIGKILL')
    await spread(servers.slice(0, 2))
    t.strictSame(wrong('read'), [], 'one killed: what is safe to repeat is repeated')
    t.ok(wrong('write').length <= 4, `${wrong('write').length} writes were at it when it died`)
    const again = await start(HOSTS[2]!)
    await spread([servers[0]!, servers[1]!, again])
    const before = wrong().length
    t.equal(await servers[1]!.kill('SIGTERM'), 0)
    await spread([servers[0]!, again])
    const lost = wrong().slice(before)
    t.strictSame(
      lost.filter(({ kind }) => kind === 'read'),
      [],
      'one stopped: what is safe to repeat is repeated'
    )
    // The proxy asks nobody whether they are ready: a write may wait in the socket that closes, one of each who writes.
    t.ok(lost.length <= 4, `${lost.length} writes met the end`)
    state.isStopping = true
    await Promise.all(load)
    t.comment(`${answers.length} requests, ${wrong().length} unserved when one was killed`)
  }
)

void t.test(
  'the proxy of docker-compose.yml, bodies refused while it still writes: the server is not given up for it',
  async (t) => {
    // Caddy 2.11 remembers failures of servers that it looked up by name; older ones of fixed addresses only.
    const { start, front } = await given(t, (caddyfile, port) =>
      caddyfile.replace(/dynamic a \{[^}]*\}/, `to ${HOSTS[0]}:${port}`)
    )
    await start(HOSTS[0]!)
    const origin = `http://127.0.0.1:${front}`
    const body = Buffer.alloc(20 * 1_024 * 1_024)
    const headers = { 'content-type': 'application/json' }
    const send = () =>
      fetch(`${origin}/auth/login`, { method: 'POST', headers, body }).then(
        ({ status }) => status,
        () => 0
      )
    // Whether the proxy sees the 413 or a broken connection is chance.
    const statuses: number[] = []
    for (let round = 0; round < 20 && !statuses.includes(502); round += 1) {
      statuses.push(...(await Promise.all(Array.from({ length: 6 }, send))))
      const { result, tookMs } = await timed(() => fetch(`${origin}/.well-known/jwks.json`))
      t.equal(result.status, 200)
      t.ok(tookMs < 2_000, `at once, not after ${Math.round(tookMs)} ms`)
    }
    t.comment(`${statuses.length} bodies: ${[...new Set(statuses)].join(', ')}`)
    t.ok(statuses.includes(413), 'refused')
  }
)
