import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../support/eventually.ts'
import { collect } from '../support/server.ts'
import { givenFolder } from '../support/folder.ts'
import { freePort } from '../support/server.ts'
import { callOn, givenLogin } from './given.ts'

const READY_WITHIN_MS = 5_000

/** Where nothing has been started yet. No Postgres outlives the test, whatever happens. */
async function givenPlace(t: Test) {
  const folder = await givenFolder(t)
  const dataDir = join(folder, 'data')
  t.teardown(async () => {
    const pid = await postmasterPid(dataDir)
    if (pid !== null) process.kill(pid, 'SIGQUIT')
  })
  return { dataDir, keysDir: join(folder, 'keys'), port: await freePort() }
}

type Place = Awaited<ReturnType<typeof givenPlace>>

async function postmasterPid(dataDir: string): Promise<number | null> {
  const text = await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8').catch(() => '')
  return text === '' ? null : parseInt(text, 10)
}

/** What `npm start` runs, with nothing configured but the place. */
function spawnServer(t: Test, { dataDir, keysDir, port }: Place) {
  const child = spawn(process.execPath, ['src/server.ts'], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env['PATH'], PORT: String(port), DATA_DIR: dataDir, KEYS_DIR: keysDir }
  })
  const output = collect(child)
  const ended = once(child, 'close') as Promise<[number | null]>
  t.teardown(() => end('SIGKILL'))

  /** @returns the exit code, or null after a signal that cannot be caught */
  async function end(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal !== undefined) child.kill(signal)
    const [code] = await ended
    return code
  }

  return { child, output, end }
}

/** Starts and waits until it is ready. */
async function start(t: Test, place: Place) {
  const startedAt = performance.now()
  const { child, output, end } = spawnServer(t, place)
  const url = `http://localhost:${place.port}`
  await eventually(
    `a server on ${url}`,
    async () => {
      if (child.exitCode !== null) throw new Error(`The server ended: ${output()}`)
      return (await fetch(`${url}/readyz`).catch(() => null))?.ok
    },
    60_000
  )
  const readyMs = Math.round(performance.now() - startedAt)
  return { ...callOn(url), url, dataDir: place.dataDir, output, end, readyMs }
}

/** Five seconds on a machine of its own; more while others keep its processors busy. */
function patienceMs(): number {
  const waiting = (loadavg()[0] ?? 0) / availableParallelism()
  return READY_WITHIN_MS * Math.max(1, waiting)
}

/** The best of three, since other tests may share the machine. */
async function startFirst() {
  for (let attempt = 1; ; attempt += 1) {
    const place = await givenPlace(t)
    const server = await start(t, place)
    t.comment(`first start: ready after ${server.readyMs} ms`)
    if (server.readyMs < patienceMs() || attempt === 3) return { place, server }
    await server.end('SIGTERM')
  }
}

async function kidOf(url: string): Promise<string> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as {
    keys: [{ kid: string }]
  }
  return keys[0].kid
}

const { place, server: first } = await startFirst()
const kid = await kidOf(first.url)
const { person, ...session } = await givenLogin(first)

/** Starts again where the first one was, and finds what it left. */
async function startAgain(t: Test) {
  const server = await start(t, place)
  t.comment(`later start: ready after ${server.readyMs} ms`)
  t.equal((await server.call('/auth/login', person)).status, 200, 'who registered can log in')
  const { refreshToken } = session
  const { status, body } = await server.call('/auth/refresh-token', { refresh_token: refreshToken })
  t.equal(status, 200, 'a session goes on')
  session.refreshToken = body.refresh_token
  t.equal(await kidOf(server.url), kid, 'and so does the signing key')
  return server
}

async function endInPeace(t: Test, { end }: Pick<typeof first, 'end'>): Promise<void> {
  t.equal(await end('SIGTERM'), 0)
  t.equal(await postmasterPid(place.dataDir), null, 'its Postgres went with it')
}

void t.test('the first start, nothing configured: soon ready, and says where all is', async (t) => {
  t.ok(first.readyMs < patienceMs(), `ready after ${first.readyMs} ms`)
  const lines = first.output().split('\n')
  t.strictSame(
    lines.filter((line) => line !== '' && !line.includes('"msg":"request"')),
    [
      `Latchkey is listening on ${first.url}, docs at /docs, mail at /dev/mail ` +
        `(Postgres under ${place.dataDir}, in-process store instead of Redis)`
    ]
  )
  for (const path of ['/docs', '/dev/mail']) {
    t.equal((await fetch(first.url + path)).status, 200, `${path} is there`)
  }
  const health = await (await fetch(`${first.url}/health`)).json()
  t.match(health, { status: 'ok', database: 'up', redis: 'in-process' })
  t.equal((await stat(join(place.keysDir, 'kek'))).mode & 0o777, 0o600)
  await endInPeace(t, first)
})

void t.test('a later start, after SIGTERM: finds its data again', async (t) => {
  await endInPeace(t, await startAgain(t))
})

void t.test('a later start, after kill -9: takes over its Postgres, and its data', async (t) => {
  const killed = await start(t, place)
  const postgres = await postmasterPid(place.dataDir)
  t.equal(await killed.end('SIGKILL'), null)
  const again = await startAgain(t)
  t.equal(await postmasterPid(place.dataDir), postgres)
  await endInPeace(t, again)
})

void t.test('a later start, after kill -9 of its Postgres too: recovers its data', async (t) => {
  const killed = await start(t, place)
  process.kill((await postmasterPid(place.dataDir))!, 'SIGKILL')
  await killed.end('SIGKILL')
  await endInPeace(t, await startAgain(t))
})

void t.test('a start, when PORT is in use: one sentence, and nothing left behind', async (t) => {
  const holder = createServer().listen(place.port)
  await once(holder, 'listening')
  t.teardown(() => holder.close())
  const { output, end } = spawnServer(t, place)
  t.equal(await end(), 1)
  t.match(output(), /^Latchkey cannot start\. .*\(EADDRINUSE\)/m)
  t.equal(await postmasterPid(place.dataDir), null, 'its Postgres went with it')
})
