import t from 'tap'
import { startApp } from '../../support/app.ts'
import { freshEmail, givenUser, mailTo, PASSWORD, secretsOf } from '../../support/builders.ts'
import {
  givenRegistration,
  login,
  outboxEmpty,
  registrationsWith,
  verify
} from '../../support/registrations.ts'
import { givenImporter, importLines, startImport } from '../../support/user-imports.ts'

const app = await startApp(t)
const run = await givenImporter(t, app)
/** Of PASSWORD; Python 3.11: hashlib.pbkdf2_hmac('sha256', password, b'sea', 1000).hex() */
const HASH =
  'pbkdf2:sha256:1000$sea$bc13611a299c7cc5295d3dedf12826be4cae0795370e27e87cdedcee17ecb122'
const NEW_PASSWORD = 'granite-otter-77-meadow'

async function userOf(username: string) {
  const [row] = await app.sql('SELECT * FROM users WHERE username = $1', [username])
  return row
}

async function countOf(table: string): Promise<number> {
  const [row] = await app.sql<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`)
  return row!.count
}

void t.test('a whole line, imported: the person is as it says, with an audit event', async (t) => {
  const email = freshEmail()
  const line = {
    email: email.toUpperCase().replace('EXAMPLE.COM', 'example.com'),
    email_verified: true,
    username: 'ada',
    name: 'Ada',
    surname: 'Löw',
    phone_number: '+4915112345678',
    locale: 'de-AT',
    roles: ['user', 'admin', 'user'],
    password_hash: HASH
  }
  t.match(await run([line]), { lines: 1, added: 1, there: 0, bad: 0 })
  const answer = await login(app, email)
  t.match(answer.json().user, {
    email: line.email,
    email_verified: true,
    username: 'ada',
    name: 'Ada',
    surname: 'Löw',
    phone_number: '+4915112345678',
    locale: 'de-AT',
    roles: ['admin', 'user'],
    status: 'active'
  })
  t.equal((await app.post('/auth/login', { username: 'ada', password: PASSWORD })).statusCode, 200)
  const [stored] = await app.sql<{ text: string }>(
    `SELECT concat(users::text, encode(email_sealed, 'escape'), encode(phone_sealed, 'escape')) AS text
       FROM users WHERE username = 'ada'`
  )
  t.notMatch(stored!.text, new RegExp(`${email}|4915112345678`, 'i'), 'addresses are sealed')
  const events = await app.sql('SELECT details FROM audit_event WHERE type = $1 AND user_id = $2', [
    'account.imported',
    answer.json().user.id
  ])
  t.strictSame(events, [{ details: { by: 'operator' } }])
  const taken = await givenRegistration(app)
  t.equal(
    (await app.post('/auth/register', { email: taken.email, password: PASSWORD, username: 'ada' }))
      .statusCode,
    409
  )
})

void t.test('a dry run: says what would happen, and writes nothing', async (t) => {
  const there = await givenUser(app)
  const lines = [
    { email: there.email },
    { email: freshEmail(), username: 'dry', password_hash: HASH },
    { email: freshEmail(), username: 'dry' },
    { email: freshEmail(), roles: ['nobody'] }
  ]
  const before = [await countOf('users'), await countOf('audit_event'), await countOf('username')]
  const { code, output } = await importLines(t, app, lines, '--dry-run')
  t.equal(code, 1)
  t.match(output, /Dry run, nothing was written: 4 lines, 1 would be new, 1 already there, 2 bad\./)
  t.match(output, /^line 3: username: stands on an earlier line$/m)
  t.match(output, /^line 4: roles: names a role that does not exist$/m)
  const after = [await countOf('users'), await countOf('audit_event'), await countOf('username')]
  t.strictSame(after, before)
  t.match(await run(lines), { lines: 4, added: 1, there: 1, bad: 2 })
})

void t.test(
  'bad lines among good ones: named by number and reason, the good ones are kept',
  async (t) => {
    const secret = 'canary-value'
    const twice = freshEmail()
    const bad: [RegExp, Record<string, unknown> | string | Buffer][] = [
      [/is not a JSON object/, `{"email": "${secret}@example.com"`],
      [/is not a JSON object/, '[]'],
      [/is not a JSON object/, 'null'],
      [/email: is missing/, { username: secret }],
      [/email: must be an e-mail address/, { email: secret }],
      [/email: must/, { email: 5 }],
      [/unknown field/, { email: freshEmail(), [secret]: 1 }],
      [/unknown field/, `{"email": "${freshEmail()}", "__proto__": {"${secret}": true}}`],
      [/email_verified: must be boolean/, { email: freshEmail(), email_verified: 'true' }],
      [/username: must/, { email: freshEmail(), username: 'Upper Case' }],
      [/name: must/, { email: freshEmail(), name: 'canary-value\u0000' }],
      [/surname: must/, { email: freshEmail(), surname: null }],
      [/phone_number: must/, { email: freshEmail(), phone_number: '0151 canary-value' }],
      [/locale: must/, { email: freshEmail(), locale: 'canary_value' }],
      [/roles: must/, { email: freshEmail(), roles: 'admin' }],
      [/roles: names a role that does not exist/, { email: freshEmail(), roles: ['user', secret] }],
      [/password_hash: is of no known scheme/, { email: freshEmail(), password_hash: secret }],
      [
        /password_hash: must/,
        { email: freshEmail(), password_hash: HASH.replace('sea', 'canary\u0000') }
      ],
      [
        /password_hash: bcrypt has no cost of 4 to 14/,
        { email: freshEmail(), password_hash: `$2b$31$${'canaryvalue'.repeat(5).slice(0, 53)}` }
      ],
      [/is longer than 64 KiB, or not UTF-8/, { email: freshEmail(), name: secret.repeat(6_000) }],
      [/is longer than 64 KiB, or not UTF-8/, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
      [/email: stands on an earlier line/, { email: twice.toUpperCase(), name: secret }]
    ]
    const good = { email: twice, username: 'good-one', password_hash: HASH, email_verified: true }
    const last = { email: freshEmail(), username: 'good-two' }
    const before = await countOf('users')
    const lines = [good, '', ...bad.map(([, line]) => line), `  ${JSON.stringify(last)}\r`]
    const { code, output } = await importLines(t, app, lines)
    t.equal(code, 1)
    t.match(output, `${bad.length + 2} lines, 2 new, 0 already there, ${bad.length} bad.`)
    const named = output.split('\n').filter((line) => line.startsWith('line '))
    bad.forEach(([reason], index) => {
      t.match(named[index], new RegExp(`^line ${index + 3}: .*${reason.source}`))
    })
    t.equal(named.length, bad.length)
    t.notMatch(output, /canary|Upper|example\.com|pbkdf2/, 'never a value')
    t.equal(await countOf('users'), before + 2)
    t.equal((await login(app, twice)).statusCode, 200)
    t.ok(await userOf('good-two'))
  }
)

void t.test('the same file again: changes nothing', async (t) => {
  const email = freshEmail()
  const lines = [
    { email, username: 'again', name: 'First', password_hash: HASH, email_verified: true }
  ]
  await run(lines)
  t.equal((await login(app, email)).statusCode, 200)
  const before = await userOf('again')
  const events = await countOf('audit_event')
  const changed = [{ ...lines[0], name: 'Second', roles: ['admin'], username: 'other' }]
  for (const repeated of [lines, changed]) {
    t.match(await run(repeated), { added: 0, there: 1, bad: 0 })
  }
  t.strictSame(await userOf('again'), before, 'not even the hash that was replaced meanwhile')
  t.equal(await countOf('audit_event'), events)
})

void t.test(
  'a username or an address that is somebody else\u2019s: a bad line, until it is free',
  async (t) => {
    const owner = await givenUser(app, { username: 'owned' })
    await givenRegistration(app, { username: 'reserved' })
    const left = await givenUser(app)
    await app.sql(
      `INSERT INTO reserved_email (email_index, email_sealed, user_id, expires_at)
     SELECT email_index, email_sealed, $2, latchkey_now() + interval '72 hours' FROM users WHERE id = $1`,
      [left.id, owner.id]
    )
    await app.sql('DELETE FROM users WHERE id = $1', [left.id])
    const lines = [
      { email: freshEmail(), username: 'owned' },
      { email: freshEmail(), username: 'reserved' },
      { email: left.email }
    ]
    const before = await countOf('users')
    const refused = await run(lines)
    t.match(refused, { added: 0, there: 0, bad: 3 })
    t.strictSame(refused.reasons, [
      'line 1: username: is taken',
      'line 2: username: is taken',
      'line 3: email: is kept for a user who changed it lately and may take it back'
    ])
    t.equal(await countOf('users'), before)
    await app.moveTime(100 * 3_600)
    t.teardown(() => app.moveTime(0))
    const later = await run(lines)
    t.match(later, { added: 2, there: 0, bad: 1 })
    t.ok(await userOf('reserved'))
  }
)

void t.test(
  'an address that somebody registered before: the import wins, the registration leads nowhere',
  async (t) => {
    const email = freshEmail()
    const stranger = 'stranger-Password-93-violet'
    const first = await givenRegistration(app, { email, username: 'wanted', password: stranger })
    const line = { email, username: 'wanted', password_hash: HASH, email_verified: true }
    t.match(await run([line]), { added: 1 })
    t.equal((await verify(app, { token: first.token })).statusCode, 400)
    t.equal((await verify(app, { email, code: first.code })).statusCode, 400)
    t.strictSame(await registrationsWith(app, first.id), [])
    t.equal((await login(app, email, stranger)).statusCode, 401)
    t.equal((await login(app, email)).statusCode, 200)
    t.match(await userOf('wanted'), { email_verified_at: Date })
  }
)

void t.test(
  'an unverified person, with a stranger\u2019s registration since: gets in by resend',
  async (t) => {
    const email = freshEmail()
    await run([{ email, username: 'unproven', password_hash: HASH }])
    t.equal((await login(app, email)).statusCode, 401, 'not before the address is proven')
    await app.post('/auth/register', { email, password: 'stranger-Password-93-violet' })
    await mailTo(app, email, /already/i)
    t.equal((await app.post('/auth/resend-verification', { email })).statusCode, 200)
    const { token } = secretsOf(await mailTo(app, email, /confirm|verify/i))
    t.equal((await verify(app, { token })).statusCode, 200)
    t.equal((await login(app, email, 'stranger-Password-93-violet')).statusCode, 401)
    t.equal((await login(app, email)).statusCode, 200)
    t.match(await userOf('unproven'), { password_hash: /^\$argon2id\$/, email_verified_at: Date })
  }
)

void t.test('an unverified person without a hash: gets in by forgot-password', async (t) => {
  const email = freshEmail()
  await run([{ email, username: 'hashless' }])
  t.equal((await login(app, email)).statusCode, 401)
  await app.post('/auth/forgot-password', { email })
  const { token } = secretsOf(await mailTo(app, email, /Reset/))
  const reset = { token, new_password: NEW_PASSWORD }
  t.equal((await app.post('/auth/reset-password', reset)).statusCode, 200)
  t.equal((await login(app, email, NEW_PASSWORD)).statusCode, 200)
  t.match(await userOf('hashless'), { email_verified_at: Date })
})

void t.test('an import: sends no mail', async (t) => {
  await outboxEmpty(app)
  const before = await countOf('outbox_message')
  await run([{ email: freshEmail(), password_hash: HASH }])
  t.equal(await countOf('outbox_message'), before)
})

void t.test('no file, or one that is not there: one sentence, exit code 1', async (t) => {
  t.match(await startImport(app).ended, { code: 1, output: /^"import" needs FILE\./ })
  t.match(await startImport(app, '/nowhere.jsonl').ended, {
    code: 1,
    output: /^This file cannot be read\.\n$/
  })
})
