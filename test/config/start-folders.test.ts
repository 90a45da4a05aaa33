import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createTestDatabase } from '../support/database.ts'
import { collect, freePort } from '../support/server.ts'

const ROOT = join(import.meta.dirname, '../..')
const CANARY = 'c4n4ry'
const KEY = randomBytes(32).toString('hex')

/** Runs a program of ours that cannot work, and gives the one line that it says. */
async function oneSentence(
  t: Test,
  [program, ...args]: [string, ...string[]],
  env: Record<string, string>
): Promise<string> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', PORT: String(await freePort()), ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const output = collect(child)
  const [code] = (await once(child, 'close')) as [number | null]
  t.equal(code, 1, output())
  const lines = output().trimEnd().split('\n')
  t.equal(lines.length, 1, output())
  t.notMatch(lines[0], new RegExp(CANARY), 'no value')
  return lines[0] ?? ''
}

void t.test('folders that cannot be used: the setting is named, in one sentence', async (t) => {
  const folder = t.testdir({
    [`${CANARY}-file`]: '',
    short: { kek: 'c2hvcnQ=' },
    nested: { kek: {} },
    [CANARY]: {}
  })
  const file = join(folder, `${CANARY}-file`)
  const { url } = await createTestDatabase(t)
  const fine = { DATABASE_URL: url, DATA_DIR: join(folder, CANARY, 'data') }
  const cases: [Record<string, string>, RegExp][] = [
    [{ DATA_DIR: file }, /DATA_DIR is no folder \(EEXIST\)/],
    [{ DATA_DIR: join(file, 'below') }, /DATA_DIR lies under something that is no folder/],
    [{ DATA_DIR: `/proc/${CANARY}/below` }, /DATA_DIR cannot be made there \(ENOENT\)/],
    [{ DATABASE_URL: url, KEY_ENCRYPTION_KEY: KEY, DATA_DIR: file }, /DATA_DIR is no folder/],
    [{ ...fine, KEYS_DIR: file }, /KEYS_DIR lies under something that is no folder/],
    [{ ...fine, KEYS_DIR: `/proc/${CANARY}` }, /KEYS_DIR cannot be made there/],
    [{ ...fine, KEYS_DIR: join(folder, 'nested') }, /kek in KEYS_DIR is a folder/],
    [{ ...fine, KEYS_DIR: join(folder, 'short') }, /kek in KEYS_DIR does not hold 32 bytes/]
  ]
  await Promise.all(
    cases.map(async ([env, sentence]) => {
      const said = await oneSentence(t, ['src/server.ts'], env)
      t.match(said, sentence)
      t.match(said, /^Latchkey cannot start\. /)
    })
  )
})

void t.test('URLs that no driver could read: the setting is named, not told', async (t) => {
  const cases: [string, string][] = [
    ['REDIS_URL', `redis://:${CANARY}%ZZ@127.0.0.1`],
    ['REDIS_URL', `redis://127.0.0.1?password=${CANARY}`],
    ['REDIS_URL', `redis:${CANARY}`],
    ['REDIS_URL', `redis://127.0.0.1/${CANARY}`],
    ['REDIS_URL', `redis://:${CANARY}@127.0.0.1,127.0.0.2`],
    ['REDIS_URL', `redis-sentinel://:${CANARY}@127.0.0.1`],
    ['REDIS_URL', `redis-sentinel://127.0.0.1/name?sentinelpassword=${CANARY}`],
    ['REDIS_URL', `redis-cluster://:${CANARY}@127.0.0.1/1`],
    ['DATABASE_URL', `postgresql://${CANARY}:%ZZ@127.0.0.1/x`],
    ['SMTP_URL', `smtp://${CANARY}:%ZZ@127.0.0.1`]
  ]
  const { readConfig } = await import('../../src/config.ts')
  for (const [name, value] of cases) {
    t.throws(() => readConfig({ [name]: value }), { message: new RegExp(`- ${name} must be `) })
  }
  t.equal(
    readConfig({ REDIS_URL: 'rediss://u:p%40@h:6380/2' }).redisUrl,
    'rediss://u:p%40@h:6380/2'
  )
})

void t.test(
  'scripts on a Postgres that refuses: the setting is named, in one sentence',
  async (t) => {
    const { url } = await createTestDatabase(t)
    const wrong = Object.assign(new URL(url), { password: CANARY }).href
    const unknown = Object.assign(new URL(url), { pathname: CANARY }).href
    const closed = Object.assign(new URL(url), { port: String(await freePort()) }).href
    const users: [string, ...string[]] = ['scripts/users.ts', 'create', 'ada@example.com']
    const cases: [[string, ...string[]], Record<string, string>, RegExp][] = [
      [
        users,
        { DATABASE_URL: wrong },
        /^The Postgres of DATABASE_URL refuses its user or password/
      ],
      [['scripts/keys.ts', 'list'], { DATABASE_URL: unknown }, /has no database of its name/],
      [['scripts/recover.ts'], { DATABASE_URL: closed }, /DATABASE_URL does not answer/],
      [
        ['scripts/migrate.ts'],
        { DATABASE_URL: wrong },
        /DATABASE_URL refuses its user or password/
      ],
      [
        ['scripts/migrate.ts'],
        { DATABASE_DIRECT_URL: closed },
        /DATABASE_DIRECT_URL does not answer/
      ],
      [
        ['scripts/migrate.ts'],
        { DATABASE_URL_FILE: `/${CANARY}` },
        /^DATABASE_URL_FILE names a file/
      ],
      [
        ['scripts/keys.ts', 'list'],
        { DATA_DIR: `/proc/${CANARY}` },
        /^DATA_DIR cannot be made there/
      ]
    ]
    await Promise.all(
      cases.map(async ([command, env, sentence]) => {
        t.match(await oneSentence(t, command, { KEY_ENCRYPTION_KEY: KEY, ...env }), sentence)
      })
    )
  }
)
