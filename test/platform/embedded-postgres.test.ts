import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import t, { type Test } from 'tap'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'

void t.test('two processes, at the first start: share one cluster', async (t) => {
  const dataDir = await givenDataDir(t)
  const [one, other] = await Promise.all([startProcess(t, dataDir), startProcess(t, dataDir)])
  t.equal(one.url, other.url)
  t.equal(await countRows(one.url, 'pg_database WHERE datname = $1', ['latchkey']), 1)
})

void t.test('two processes, at a later start: one starts it, the other adopts', async (t) => {
  const dataDir = await givenDataDir(t)
  await (await startEmbeddedPostgres({ dataDir })).release()
  const [one, other] = await Promise.all([startProcess(t, dataDir), startProcess(t, dataDir)])
  t.equal(one.url, other.url)
})

void t.test('a later start, after everybody left: finds the data', async (t) => {
  const dataDir = await givenDataDir(t)
  const first = await startEmbeddedPostgres({ dataDir })
  await query(first.url, 'CREATE TABLE keepsake ()')
  await first.release()
  t.equal(await findPid(dataDir), null, 'the last one turned off the light')

  const second = await startEmbeddedPostgres({ dataDir })
  t.equal(await countRows(second.url, 'pg_class WHERE relname = $1', ['keepsake']), 1)
})

void t.test('the process that started it, when killed: the server lives on', async (t) => {
  const dataDir = await givenDataDir(t)
  const starter = await startProcess(t, dataDir)
  const pid = await findPid(dataDir)
  await starter.kill()

  t.equal((await startEmbeddedPostgres({ dataDir })).url, starter.url)
  t.equal(await findPid(dataDir), pid, 'it was adopted')
})

void t.test('the server, when killed: the next start recovers what was committed', async (t) => {
  const dataDir = await givenDataDir(t)
  const first = await startEmbeddedPostgres({ dataDir })
  await query(first.url, 'CREATE TABLE keepsake ()')
  process.kill((await findPid(dataDir)) ?? 0, 'SIGKILL')

  const second = await startEmbeddedPostgres({ dataDir })
  t.equal(await countRows(second.url, 'pg_class WHERE relname = $1', ['keepsake']), 1)
  await second.release()
  await t.resolves(first.release(), 'somebody else stopped what this one had started')
})

void t.test('a stale postmaster.pid, when its number is another program’s: starts', async (t) => {
  const dataDir = await givenDataDir(t)
  await (await startEmbeddedPostgres({ dataDir })).release()
  const server = await startEmbeddedPostgres({ dataDir })
  const file = join(dataDir, 'postgres/postmaster.pid')
  const [pid, ...rest] = (await readFile(file, 'utf8')).split('\n')
  process.kill(Number(pid), 'SIGKILL')
  const bystander = spawn('sleep', ['60'])
  t.teardown(() => bystander.kill())
  await writeFile(file, [bystander.pid, ...rest].join('\n'))

  const next = await startEmbeddedPostgres({ dataDir })
  t.equal(await countRows(next.url, 'pg_database WHERE datname = $1', ['latchkey']), 1)
  await server.release()
})

void t.test('release, while another client is connected: leaves it running', async (t) => {
  const dataDir = await givenDataDir(t)
  const postgres = await startEmbeddedPostgres({ dataDir })
  const stranger = new pg.Client(postgres.url)
  await stranger.connect()
  await postgres.release()
  t.equal((await stranger.query('SELECT 1')).rowCount, 1)
  await stranger.end()
})

void t.test('release, by all at once: one of them stops it', async (t) => {
  const dataDir = await givenDataDir(t)
  const handles = await Promise.all([1, 2, 3, 4].map(() => startEmbeddedPostgres({ dataDir })))
  await Promise.all(handles.map((handle) => handle.release()))
  t.equal(await findPid(dataDir), null)
})

void t.test('start, while another one leaves: is never left without a server', async (t) => {
  const dataDir = await givenDataDir(t)
  let leaving = await startEmbeddedPostgres({ dataDir })
  for (let round = 0; round < 5; round++) {
    const [, coming] = await Promise.all([leaving.release(), startEmbeddedPostgres({ dataDir })])
    t.equal((await query(coming.url, 'SELECT 1')).rowCount, 1)
    leaving = coming
  }
})

void t.test('the cluster, once made: is closed to others', async (t) => {
  const dataDir = await givenDataDir(t)
  const { url } = await startEmbeddedPostgres({ dataDir })
  t.equal((await stat(join(dataDir, 'postgres'))).mode & 0o777, 0o700)
  t.equal((await stat(join(dataDir, 'postgres.password'))).mode & 0o777, 0o600)
  const wrong = Object.assign(new URL(url), { password: 'wrong' }).href
  await t.rejects(query(wrong, 'SELECT 1'), { code: '28P01' })
  const settings = await query(url, 'SHOW listen_addresses')
  t.strictSame(settings.rows, [{ listen_addresses: '127.0.0.1' }])
  t.strictSame((await query(url, 'SHOW fsync')).rows, [{ fsync: 'on' }])
})

async function givenDataDir(t: Test): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-embedded-'))
  t.teardown(async () => {
    const pid = await findPid(dataDir)
    if (pid !== null) process.kill(pid, 'SIGQUIT')
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  })
  return dataDir
}

/** A process of its own that holds the cluster until it is killed. */
async function startProcess(t: Test, dataDir: string) {
  const module = new URL('../../src/platform/embedded-postgres.ts', import.meta.url)
  const code = `import { startEmbeddedPostgres } from '${module.href}'
    console.log((await startEmbeddedPostgres({ dataDir: process.argv[1] })).url)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return {
    url,
    kill: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
}

async function findPid(dataDir: string): Promise<number | null> {
  const text = await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8').catch(() => '')
  return text === '' ? null : parseInt(text, 10)
}

async function countRows(url: string, from: string, values: string[]): Promise<number | null> {
  return (await query(url, `SELECT FROM ${from}`, values)).rowCount
}

async function query(url: string, statement: string, values: string[] = []) {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  return client.query(statement, values).finally(() => client.end())
}
