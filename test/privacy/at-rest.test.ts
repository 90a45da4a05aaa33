import { createHash, randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { createTestDatabase } from '../support/database.ts'
import {
  dumpDatabase,
  findCanaries,
  plainHashesOf,
  type Canaries,
  type DumpedValue
} from '../support/database-dump.ts'
import { eventually } from '../support/eventually.ts'
import { privateKeysOf } from '../support/private-keys.ts'
import { openDatabase } from '../support/raw-database.ts'
import { startServer } from '../support/server.ts'
import { linkOf, startSmtpSink, typedCodeOf } from '../support/smtp-sink.ts'

const PASSWORD = 'canary-Password-93-violet'
const WRONG_PASSWORD = 'canary-Wrong-17-orange'
const ASTRAY = 'canary-gone-astray'
const PHONE = '+4915112345678'
const ADDRESS = '203.0.113.77'
const USER_AGENT = 'canary-browser/1.0'
const COOKIE = 'canary-cookie'
const PERSON = 'canary.person@canaries.example'
const REFUSED = 'refused.person@canaries.example'
const UNKNOWN = 'unknown.person@canaries.example'

/** What somebody could guess: not even a plain hash of it may be kept. */
const guessable: Record<string, string> = {
  password: PASSWORD,
  'wrong password': WRONG_PASSWORD,
  phone: PHONE,
  'national phone': PHONE.slice(3),
  address: ADDRESS,
  person: PERSON,
  'refused person': REFUSED,
  'unknown person': UNKNOWN
}
const canaries: Canaries = {
  ...guessable,
  'what went astray': ASTRAY,
  'user agent': USER_AGENT,
  cookie: COOKIE,
  PEM: '-----BEGIN'
}
const headers = { 'user-agent': USER_AGENT, 'x-forwarded-for': ADDRESS, cookie: `sid=${COOKIE}` }

async function startEverything(t: Test) {
  const { url: databaseUrl } = await createTestDatabase(t)
  const keyEncryptionKey = randomBytes(32)
  canaries['key-encryption key'] = keyEncryptionKey
  const sink = await startSmtpSink(t, 'stall')
  const server = await startServer(t, {
    DATABASE_URL: databaseUrl,
    KEY_ENCRYPTION_KEY: keyEncryptionKey.toString('hex'),
    SMTP_URL: sink.url,
    LOG_LEVEL: 'debug',
    TRUSTED_PROXIES: '127.0.0.1,::1'
  })
  const database = await openDatabase(t, databaseUrl)

  async function post(path: string, body: object, status: number) {
    const answer = await server.post(path, body, headers)
    t.equal(answer.status, status, `${path}: ${status}`)
    return (await answer.json()) as Record<string, string>
  }

  /** Trades a refresh token, and knows the new pair from then on. */
  async function refresh(token: string, name: string): Promise<string> {
    return learnPair(name, await post('/auth/refresh-token', { refresh_token: token }, 200))
  }

  return { databaseUrl, keyEncryptionKey, sink, server, database, post, refresh }
}

function learnPair(name: string, pair: Record<string, string>): string {
  const refreshToken = pair['refresh_token']!
  canaries[`${name} access token`] = pair['access_token']!
  canaries[`${name} signature`] = pair['access_token']!.split('.')[2]!
  canaries[`${name} refresh token`] = refreshToken
  // Of the token's 32 secret bytes Postgres keeps the SHA-256, and of its MAC nothing.
  canaries['refresh secret'] = Buffer.from(refreshToken.slice(4), 'base64url').subarray(25, 57)
  canaries[`${name} MAC`] = Buffer.from(refreshToken.slice(4), 'base64url').subarray(57)
  return refreshToken
}

/** Requests that carry a secret where it does not belong. */
async function sendAstray(url: string): Promise<void> {
  const paths = ['/verify-email', '/nothing-here', '/auth/me', '/dev/mail', '/health', '/%zz']
  for (const path of paths) {
    const authorization = `Bearer ${ASTRAY}`
    await fetch(`${url}${path}?token=${ASTRAY}`, { headers: { ...headers, authorization } })
  }
  const json = { ...headers, 'content-type': 'application/json' }
  const form = { ...headers, 'content-type': 'application/x-www-form-urlencoded' }
  for (const path of ['/auth/login', '/auth/register', '/auth/refresh-token', '/verify-email']) {
    for (const body of [`{"password": "${ASTRAY}`, `"${ASTRAY}"`, `{"${ASTRAY}": "${ASTRAY}"}`]) {
      await fetch(url + path, { method: 'POST', headers: json, body })
    }
    await fetch(url + path, { method: 'POST', headers: form, body: `token=${ASTRAY}&x=${ASTRAY}` })
  }
}

void t.test('a whole life, dumped at any moment: nothing that a thief could use', async (t) => {
  const home = await startEverything(t)
  const { databaseUrl, sink, server, database, post, refresh } = home
  const dumps: Record<string, DumpedValue[]> = {}

  await post('/auth/register', { email: PERSON, password: PASSWORD, phone_number: PHONE }, 201)
  await post('/auth/resend-verification', { email: PERSON }, 200)
  dumps['while mail waits'] = await dumpDatabase(databaseUrl)

  sink.become({ refuse: '450 4.2.1 <ADDRESS>: not now' })
  await sink.restart()
  await post('/auth/register', { email: REFUSED, password: PASSWORD, phone_number: PHONE }, 201)
  await eventually('a refusal', async () => {
    const refused = `SELECT id FROM outbox_message WHERE last_error LIKE 'SMTP 450%'`
    return (await database.sql(refused)).length > 0
  })
  dumps['after a refused mail'] = await dumpDatabase(databaseUrl)

  sink.become('accept')
  await database.moveTime(3_600)
  await eventually(
    'the mails that waited',
    () => Promise.resolve(sink.messages.length >= 3),
    20_000
  )
  const newest = sink.to(PERSON).sort((a, b) => (a.messageId < b.messageId ? 1 : -1))[0]!
  for (const [index, message] of sink.messages.entries()) {
    canaries[`mail token ${index}`] = linkOf(message)
    guessable[`typed code ${index}`] = typedCodeOf(message)
    guessable[`bare code ${index}`] = typedCodeOf(message).replace('-', '')
  }
  dumps['once mail is sent'] = await dumpDatabase(databaseUrl)

  await post('/auth/verify-email', { email: PERSON, code: '2345-6789' }, 400)
  await post('/auth/verify-email', { token: linkOf(newest) }, 200)
  await post('/auth/login', { email: PERSON, password: WRONG_PASSWORD }, 401)
  await post('/auth/login', { email: UNKNOWN, password: PASSWORD }, 401)
  const login = { email: PERSON, password: PASSWORD, device: 'A phone' }
  const first = learnPair('first', await post('/auth/login', login, 200))
  const second = await refresh(first, 'second')
  await refresh(second, 'third')
  await post('/auth/refresh-token', { refresh_token: first }, 401)
  await post('/auth/register', { email: PERSON, password: PASSWORD, phone_number: PHONE }, 201)
  await sendAstray(server.url)
  dumps['at the end'] = await dumpDatabase(databaseUrl)

  const keys = await privateKeysOf(databaseUrl, home.keyEncryptionKey)
  t.ok('bytes of d' in keys && 'data key for blind_index' in keys, 'the private values are known')
  Object.assign(canaries, guessable, plainHashesOf(guessable), keys)
  for (const [moment, dump] of Object.entries(dumps)) {
    t.ok(dump.length > 60, `${dump.length} values ${moment}`)
    t.strictSame(findCanaries(dump, canaries), [], moment)
  }

  await t.test('canaries planted by SQL, dumped: found', async (t) => {
    await database.sql('CREATE TABLE planted (note text, bytes bytea)')
    const hash = createHash('sha256').update(PERSON).digest()
    const bytes = Buffer.concat([home.keyEncryptionKey, hash, Buffer.from(`x${PHONE}x`)])
    const note = `was: ${PERSON.toUpperCase()}`
    await database.sql('INSERT INTO planted VALUES ($1, $2)', [note, bytes])
    t.strictSame(findCanaries(await dumpDatabase(databaseUrl), canaries), [
      'key-encryption key in planted.bytes',
      'national phone in planted.bytes',
      'person in planted.note',
      'phone in planted.bytes',
      'sha256 of person in planted.bytes'
    ])
  })

  await t.test('the log of all that at debug level: none of it', async (t) => {
    t.equal(await server.kill('SIGTERM'), 0)
    const lines = server.output().split('\n')
    t.ok(lines.length > 30, `${lines.length} lines`)
    t.ok(
      lines.some((line) => line.includes('SMTP 450')),
      'that the mail server refused one can be read'
    )
    const log = lines.map((line) => ({ place: 'log', forms: [line] }))
    t.strictSame(findCanaries(log, canaries), [])
    const planted = { place: 'log', forms: [`"url":"/verify-email?token=${linkOf(newest)}"`] }
    t.equal(findCanaries([planted], canaries).length, 1, 'and it would be seen')
  })
})
