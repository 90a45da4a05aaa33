import { randomBytes } from 'node:crypto'
import { Agent, request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freshEmail } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder } from '../support/folder.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { timed } from '../support/timed.ts'

const CONNECTIONS = 24
/** SECURITY F5 says 25 s; with nothing slow to wait for it takes hardly one. */
const GONE_WITHIN_MS = 8_000

async function givenServer(t: Test): Promise<TestServer> {
  const dataDir = await givenFolder(t)
  return startServer(t, {
    DATABASE_URL: (await createTestDatabase(t)).url,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    DATA_DIR: dataDir,
    HOST: '127.0.0.1'
  })
}

type Sent = { status: number; closes: boolean }

/** One request on the connection that the agent keeps. */
async function send(
  { port }: TestServer,
  agent: Agent,
  path: string,
  body?: object
): Promise<Sent> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const method = body === undefined ? 'GET' : 'POST'
  const sending = request({ agent, port, host: '127.0.0.1', path, method, headers })
  sending.end(body === undefined ? undefined : JSON.stringify(body))
  const [answer] = (await once(sending, 'response')) as [IncomingMessage]
  answer.resume()
  await once(answer, 'end')
  return { status: answer.statusCode ?? 0, closes: answer.headers.connection === 'close' }
}

type Client = { path: string; body?: () => object; until: (sent: Sent) => boolean }

/** Asks again and again on one connection, and notes what it is told. */
function startClient(server: TestServer, { path, body, until }: Client) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const statuses: number[] = []
  async function run(): Promise<void> {
    for (;;) {
      const sent = await send(server, agent, path, body?.())
      statuses.push(sent.status)
      if (until(sent)) break
    }
    agent.destroy()
  }
  return { statuses, end: Promise.allSettled([run()]) }
}

void t.test('SIGTERM under keep-alive load: nothing fails, everybody is sent away', async (t) => {
  const server = await givenServer(t)
  const login = () => ({ email: freshEmail(), password: 'not-the-password' })
  const until = ({ closes }: Sent) => closes
  const clients = Array.from({ length: CONNECTIONS }, (_, index) =>
    index % 6 === 0
      ? startClient(server, { path: '/auth/login', body: login, until })
      : startClient(server, { path: '/.well-known/jwks.json', until })
  )
  const everybody = [...clients, startClient(server, { path: '/readyz', until })]
  await eventually('an answer for everybody', () =>
    Promise.resolve(everybody.every(({ statuses }) => statuses.length > 0))
  )

  const { result: code, tookMs } = await timed(() => server.kill('SIGTERM'))
  t.equal(code, 0)
  t.ok(tookMs < GONE_WITHIN_MS, `gone after ${tookMs} ms`)

  const ends = await Promise.all(everybody.map(({ end }) => end))
  t.strictSame(
    ends.flat().filter(({ status }) => status === 'rejected'),
    [],
    'no request failed'
  )
  const statuses = clients.flatMap((client) => client.statuses)
  t.comment(`${statuses.length} requests`)
  t.strictSame(
    statuses.filter((status) => ![200, 401, 429].includes(status)),
    [],
    'every answer was a good one'
  )
})

void t.test('SIGTERM, a balancer that looks: not ready at once, and never again', async (t) => {
  const server = await givenServer(t)
  const until = ({ status }: Sent) => status === 503
  const balancer = startClient(server, { path: '/readyz', until })
  await eventually('an answer', () => Promise.resolve(balancer.statuses.length > 0))
  t.equal(await server.kill('SIGTERM'), 0)
  t.match(await balancer.end, [{ status: 'fulfilled' }], 'it was told before the door closed')
  t.strictSame([...new Set(balancer.statuses)], [200, 503])
})

void t.test('SIGTERM, connections opened and never used: nobody waits for them', async (t) => {
  const server = await givenServer(t)
  const sockets = Array.from({ length: 3 }, () => connect(server.port, '127.0.0.1'))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const closed = Promise.all(sockets.map((socket) => once(socket, 'close')))
  const { result: code, tookMs } = await timed(() => server.kill('SIGTERM'))
  t.equal(code, 0)
  t.ok(tookMs < GONE_WITHIN_MS, `gone after ${tookMs} ms`)
  await closed
})

void t.test('SIGTERM in the middle of a request: it finishes, and closes', async (t) => {
  const server = await givenServer(t)
  const body = JSON.stringify({ email: freshEmail(), password: 'not-the-password' })
  const socket = connect(server.port, '127.0.0.1')
  let received = ''
  socket.on('data', (chunk) => (received += String(chunk)))
  const closed = once(socket, 'close')
  await once(socket, 'connect')
  socket.write(
    'POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
      `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`
  )
  // Its 100 says that the request is under way; half of the body keeps it there.
  await eventually('100 Continue', () => Promise.resolve(received.includes('100 Continue')))
  socket.write(body.slice(0, 10))
  const exit = server.kill('SIGTERM')
  await eventually('the end of listening', async () => {
    return fetch(`${server.url}/livez`).then(
      () => false,
      () => true
    )
  })
  socket.write(body.slice(10))
  await closed
  t.match(received, /HTTP\/1\.1 401 /, 'answered after the signal')
  t.match(received, /^connection: close\r$/im)
  t.match(received, /"code":"invalid_credentials"/)
  t.equal(await exit, 0)
})

void t.test('SIGINT: the same way out', async (t) => {
  const server = await givenServer(t)
  const { result: code, tookMs } = await timed(() => server.kill('SIGINT'))
  t.equal(code, 0)
  t.ok(tookMs < GONE_WITHIN_MS, `gone after ${tookMs} ms`)
  t.notMatch(server.output(), /cannot start|uncaught|unhandled/i)
})

void t.test('SIGTERM twice, as systemd sends it to workers: one drain, to its end', async (t) => {
  const server = await givenServer(t)
  const exit = server.kill('SIGTERM')
  await delay(300)
  process.kill(server.pid!, 'SIGTERM')
  t.equal(await exit, 0, 'and not killed by the second')
})
