import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { KEY_PURPOSES } from '../../src/platform/keys/data-keys.ts'
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenServerEnv } from '../support/server-env.ts'
import { startServer } from '../support/server.ts'
import { ask, givenServerSession, givenServerUser } from '../support/server-sessions.ts'
import { timed } from '../support/timed.ts'

const JWKS = '/.well-known/jwks.json'

void t.test(
  'five servers at once on an empty database: one key signs, one stands in reserve',
  async (t) => {
    const { env, keyRows } = await givenServerEnv(t, await createEmptyDatabase(t))
    const { result: servers, tookMs } = await timed(() =>
      Promise.all(Array.from({ length: 5 }, () => startServer(t, env)))
    )
    t.comment(`five ready after ${tookMs} ms`)
    await eventually(
      'the same two keys at all five',
      async () => {
        const published = await Promise.all(servers.map((server) => ask(server, JWKS)))
        const [first, ...others] = published.map(({ text }) => text)
        const { keys } = JSON.parse(first!) as { keys: unknown[] }
        return keys.length === 2 && others.every((text) => text === first)
      },
      60_000
    )
    const { dataKeys, signingKeys } = await keyRows()
    const active = signingKeys.filter((row: { active_at: Date }) => row.active_at <= new Date())
    t.strictSame([active.length, signingKeys.length], [1, 2])
    const purposes = dataKeys.map((row: { purpose: string }) => row.purpose)
    t.strictSame(purposes.sort(), [...KEY_PURPOSES].sort(), 'one data key for each purpose')
    const session = await givenServerSession(servers[0]!, await givenServerUser(servers[1]!))
    for (const server of servers) {
      t.equal((await ask(server, '/auth/me', session.accessToken)).status, 200)
    }
  }
)

void t.test(
  'no key-encryption key and an empty database: makes one that others can use',
  async (t) => {
    const { env } = await givenServerEnv(t, await createTestDatabase(t))
    const { KEY_ENCRYPTION_KEY: _unused, ...rest } = env
    const servers = await Promise.all([startServer(t, rest), startServer(t, rest)])
    t.strictSame(await readdir(env.KEYS_DIR), ['kek'])
    const { mode } = await stat(join(env.KEYS_DIR, 'kek'))
    t.equal(mode & 0o777, 0o600, 'only its owner reads it')
    await eventually('the same keys at both', async () => {
      const [first, second] = await Promise.all(servers.map((server) => ask(server, JWKS)))
      return first!.text === second!.text
    })
  }
)
