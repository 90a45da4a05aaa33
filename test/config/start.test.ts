import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { SETTINGS } from '../../src/settings.ts'
import { startApp } from '../support/app.ts'
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts'
import { freePort } from '../support/server.ts'
import { startInVain } from '../support/start.ts'

const CANARY = 'c4n4ry'

/** Any text will do for these, so that nothing can be wrong with it here. */
const FREE_TEXT = [
  'MAIL_TEMPLATES_DIR',
  'BRAND_NAME',
  'KEYS_DIR',
  'DATA_DIR',
  'ACCESS_TOKEN_AUDIENCE',
  'CLIENT_ID_METADATA_SCOPES',
  'CLIENT_ID_METADATA_AUDIENCES',
  'BRAND_LOGO_FILE',
  'PAGES_TEMPLATES_DIR',
  'CAPTCHA_SITE_KEY',
  'CAPTCHA_SECRET',
  'CAPTCHA_HOSTNAMES'
]

const PRODUCTION = {
  NODE_ENV: 'production',
  ISSUER: 'https://id.example.com',
  REDIS_URL: `redis://:${CANARY}@127.0.0.1:1`,
  SMTP_URL: `smtp://${CANARY}:${CANARY}@127.0.0.1:1`,
  KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
  LOG_LEVEL: 'debug'
}

/** It ended with 1 and said why in sentences: no stack, no canary, no key. */
async function endsWithSentence(t: Test, env: Record<string, string>): Promise<string> {
  const { code, output } = await startInVain(t, env)
  t.equal(code, 1, output)
  t.match(output, /^Latchkey cannot start\. /m)
  const sentences = output.replaceAll(/^\{.*$/gm, '') // the log may tell of the load on this machine
  t.notMatch(sentences, /^ +at |node:internal|\.ts:\d|Error\b/m, 'no stack')
  t.notMatch(output, new RegExp(`${CANARY}|${PRODUCTION.KEY_ENCRYPTION_KEY}`), 'no value')
  return output
}

/** `url` with these parts exchanged. */
function withParts(url: string, parts: Partial<URL>): string {
  return Object.assign(new URL(url), parts).href
}

void t.test('every setting wrong: each is named at once, none with its value', async (t) => {
  const names = Object.values(SETTINGS).map(({ name }) => name)
  const env = Object.fromEntries(names.map((name) => [name, `${CANARY}-${name.length}`]))
  const output = await endsWithSentence(t, env)
  for (const name of names.filter((known) => !FREE_TEXT.includes(known))) {
    t.match(output, new RegExp(`^ +- ${name} must be `, 'm'), name)
  }
})

void t.test('production with nothing set: all that is required is named', async (t) => {
  const output = await endsWithSentence(t, { NODE_ENV: 'production' })
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'KEY_ENCRYPTION_KEY', 'ISSUER']) {
    t.match(output, new RegExp(`^ +- ${name} is required`, 'm'), name)
  }
  t.match(output, 'Latchkey cannot start. 5 settings are wrong:')
  t.match(output, 'openssl rand -base64 32')
})

void t.test('one setting wrong: is told in the singular', async (t) => {
  const output = await endsWithSentence(t, { PORT: CANARY })
  t.match(output, 'Latchkey cannot start. 1 setting is wrong:\n  - PORT must be ')
})

for (const mode of ['development', 'production'] as const) {
  void t.test(`Postgres cannot be used, in ${mode}: DATABASE_URL is named, not told`, async (t) => {
    const { url } = await createTestDatabase(t)
    const env = { ...PRODUCTION, NODE_ENV: mode, PORT: String(await freePort()) }
    const closed = { hostname: '127.0.0.1', port: String(await freePort()) }
    const who = { username: CANARY, password: CANARY, pathname: CANARY }
    const cases: [string, string, RegExp][] = [
      ['nobody listens', withParts(url, { ...closed, ...who }), /does not answer \(ECONNREFUSED\)/],
      ['a wrong password', withParts(url, { password: CANARY }), /refuses its user or password/]
    ]
    const rarer: typeof cases = [
      [
        'no such host',
        withParts(url, { ...who, hostname: `${CANARY}.invalid` }),
        /does not answer/
      ],
      ['no such database', withParts(url, { pathname: CANARY }), /has no database of its name/]
    ]
    const tried = mode === 'production' ? [...cases, ...rarer] : cases
    for (const [name, databaseUrl, reason] of tried) {
      const output = await endsWithSentence(t, { ...env, DATABASE_URL: databaseUrl })
      t.match(output, /\bDATABASE_URL\b/, name)
      t.match(output, reason, name)
      const { host, password } = new URL(databaseUrl)
      t.notOk(output.includes(host) || output.includes(password), `${name}: no part of the value`)
    }
  })
}

void t.test('production on a database that is not migrated: says what to run', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const output = await endsWithSentence(t, { ...PRODUCTION, DATABASE_URL: url })
  t.match(output, /npm run migrate/)
})

void t.test('a port in use: PORT is named, with another one to take', async (t) => {
  const { url } = await createTestDatabase(t)
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  t.teardown(() => squatter.close())
  const { port } = squatter.address() as AddressInfo
  const key = { KEY_ENCRYPTION_KEY: PRODUCTION.KEY_ENCRYPTION_KEY, HOST: '127.0.0.1' }
  const output = await endsWithSentence(t, { ...key, DATABASE_URL: url, PORT: String(port) })
  t.match(
    output,
    `PORT ${port} is in use by another process. Take another: PORT=${port + 1} npm start`
  )
})

void t.test('a host that is not here: HOST is named', async (t) => {
  const { url } = await createTestDatabase(t)
  const env = { KEY_ENCRYPTION_KEY: PRODUCTION.KEY_ENCRYPTION_KEY, DATABASE_URL: url }
  const elsewhere = { ALLOW_INSECURE_DEVELOPMENT: 'true', HOST: '203.0.113.7', PORT: '9999' }
  const output = await endsWithSentence(t, { ...env, ...elsewhere })
  t.match(output, /\bHOST is no address of this machine\b/)
})

void t.test(
  'another key-encryption key than the database’s: says so, and changes nothing',
  async (t) => {
    const { sql, databaseUrl } = await startApp(t)
    const keys = () => sql('SELECT * FROM data_key ORDER BY id')
    const before = await keys()
    const output = await endsWithSentence(t, { ...PRODUCTION, DATABASE_URL: databaseUrl })
    t.match(output, /\bKEY_ENCRYPTION_KEY is not the key\b/)
    t.same(await keys(), before, 'no key was made or sealed anew')
  }
)
