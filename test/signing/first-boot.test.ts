import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { KEY_PURPOSES } from '../../src/platform/keys/data-keys.ts'
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts'
import { givenServerEnv } from '../support/server-env.ts'
import { startServer } from '../support/server.ts'
import { ask, givenServerSession, givenServerUser } from '../support/server-sessions.ts'
import { timed } from '../support/timed.ts'

const JWKS = '/.well-known/jwks.json'

void t.test('five servers at once on an empty database: one key, and all are ready', async (t) => {
  const { env, keyRows } = await givenServerEnv(t, await createEmptyDatabase(t))
  const { result: servers, tookMs } = await timed(() =>
    Promise.all(Array.from({ length: 5 }, () => startServer(t, env)))
  )
  t.comment(`five ready after ${tookMs} ms`)
  const published = await Promise.all(servers.map((server) => ask(server, JWKS)))
  t.equal(new Set(published.map(({ text }) => text)).size, 1, 'the same key set at all five')
  t.equal((JSON.parse(published[0]!.text) as { keys: unknown[] }).keys.length, 1)
  const { dataKeys, signingKeys } = await keyRows()
  t.equal(signingKeys.length, 1)
  const purposes = dataKeys.map((row: { purpose: string }) => row.purpose)
  t.strictSame(purposes.sort(), [...KEY_PURPOSES].sort(), 'one data key for each purpose')
  const session = await givenServerSession(servers[0]!, await givenServerUser(servers[1]!))
  for (const server of servers) {
    t.equal((await ask(server, '/auth/me', session.accessToken)).status, 200)
  }
})

void t.test(
  'no key-encryption key and an empty database: makes one that others can use',
  async (t) => {
    const { env } = await givenServerEnv(t, await createTestDatabase(t))
    const { KEY_ENCRYPTION_KEY: _unused, ...rest } = env
    const servers = await Promise.all([startServer(t, rest), startServer(t, rest)])
    t.strictSame(await readdir(env.KEYS_DIR), ['kek'])
    const { mode } = await stat(join(env.KEYS_DIR, 'kek'))
    t.equal(mode & 0o777, 0o600, 'only its owner reads it')
    const [first, second] = await Promise.all(servers.map((server) => ask(server, JWKS)))
    t.equal(first!.text, second!.text)
  }
)
