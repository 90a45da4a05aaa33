import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import type { Test } from 'tap'
import { ISSUER } from './app.ts'

/** What real servers on one database share, and a look at the keys that they keep there. */
export async function givenServerEnv(t: Test, { url }: { url: string }) {
  const database = new Client({ connectionString: url })
  await database.connect()
  t.teardown(() => database.end())
  const key = randomBytes(32)
  const folder = t.testdir({ keys: {}, data: {} })
  const env = {
    DATABASE_URL: url,
    KEY_ENCRYPTION_KEY: key.toString('base64'),
    KEYS_DIR: `${folder}/keys`,
    DATA_DIR: `${folder}/data`,
    EMAIL_VERIFICATION: 'optional',
    ISSUER
  }

  async function keyRows() {
    const dataKeys = await database.query('SELECT * FROM data_key ORDER BY id')
    const signingKeys = await database.query('SELECT * FROM signing_key ORDER BY kid')
    return { dataKeys: dataKeys.rows, signingKeys: signingKeys.rows }
  }

  return { database, key, env, keyRows }
}
