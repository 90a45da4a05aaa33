import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { createTestDatabase } from '../support/database.ts'
import { givenServerEnv } from '../support/server-env.ts'
import { startServer } from '../support/server.ts'
import { ask } from '../support/server-sessions.ts'

const JWKS = '/.well-known/jwks.json'

/** The server must not start; what it says instead. */
async function refusal(t: Test, env: Record<string, string>): Promise<string> {
  const outcome = await startServer(t, env).catch((error: unknown) => (error as Error).message)
  if (typeof outcome !== 'string') throw new Error('It started.')
  return outcome
}

void t.test('another key-encryption key beside sealed rows: refuses to start', async (t) => {
  const { key, env, keyRows } = await givenServerEnv(t, await createTestDatabase(t))
  await (await startServer(t, env)).kill('SIGTERM')
  const before = await keyRows()
  const other = randomBytes(32)
  const said = await refusal(t, { ...env, KEY_ENCRYPTION_KEY: other.toString('base64') })
  t.match(said, /KEY_ENCRYPTION_KEY is not the key that sealed the keys in Postgres/)
  for (const secret of [key, other]) {
    for (const form of ['hex', 'base64', 'base64url'] as const) {
      t.notOk(said.includes(secret.toString(form)), 'and shows neither key')
    }
  }
  t.strictSame(await keyRows(), before, 'and changes nothing')

  const again = await startServer(t, env)
  t.equal((await ask(again, JWKS)).status, 200, 'with its own key it starts as before')
  t.strictSame(await keyRows(), before)
})

void t.test('no key-encryption key beside sealed rows: refuses to start, makes none', async (t) => {
  const { env, keyRows } = await givenServerEnv(t, await createTestDatabase(t))
  await (await startServer(t, env)).kill('SIGTERM')
  const before = await keyRows()
  const { KEY_ENCRYPTION_KEY: key, ...rest } = env
  const said = await refusal(t, rest)
  t.match(said, /set KEY_ENCRYPTION_KEY or put the file kek back into KEYS_DIR/)
  t.notOk(said.includes(key))
  t.strictSame(await keyRows(), before, 'and changes nothing')
  t.strictSame(await readdir(env.KEYS_DIR), [], 'no key file either')
})

void t.test(
  'a key-encryption key that is none: refuses to start and does not show it',
  async (t) => {
    const { env, keyRows } = await givenServerEnv(t, await createTestDatabase(t))
    for (const wrong of ['hunter2-hunter2', randomBytes(31).toString('base64'), 'zz'.repeat(32)]) {
      const said = await refusal(t, { ...env, KEY_ENCRYPTION_KEY: wrong })
      t.match(said, /KEY_ENCRYPTION_KEY must be 32 random bytes/)
      t.notOk(said.includes(wrong))
    }
    t.strictSame(await keyRows(), { dataKeys: [], signingKeys: [] })
  }
)
