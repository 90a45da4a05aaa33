import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, PASSWORD } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'

/** No mail server answers, so every mail waits. */
const app = await startApp(t, { SMTP_URL: 'smtp://127.0.0.1:9' })
/** The same house as a closed network: a quick way to somebody who has an address. */
const closed = await startApp(t, { ...app.env, EMAIL_VERIFICATION: 'optional' })

/** Where the bare id of somebody who was erased may stand, and why. */
const PSEUDONYM: Record<string, string> = {
  audit_event: 'the trail is never rewritten',
  audit_key: 'the empty row keeps a key from being made again',
  revocation: 'tokens of theirs are refused until they expire'
}

async function givenPerson() {
  const email = freshEmail()
  const made = await closed.post('/auth/register', { email, password: PASSWORD })
  const id = made.json().user.id as string
  const login = await closed.post(
    '/auth/login',
    { email, password: PASSWORD },
    { 'sec-fetch-site': 'same-origin' }
  )
  return { id, email, headers: { authorization: `Bearer ${login.json().access_token as string}` } }
}

/** Tables, partitions included, with a row that says `text` anywhere. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await app.sql<{ name: string }>(
    `SELECT relname AS name FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`
  )
  const found: string[] = []
  for (const { name } of tables) {
    const rows = await app.sql(
      `SELECT FROM "${name}" AS r WHERE row_to_json(r)::text LIKE '%' || $1 || '%' LIMIT 1`,
      [text]
    )
    if (rows.length > 0) found.push(name)
  }
  return found.sort()
}

async function mailsOf(topics: string[]) {
  const rows = await app.sql<{ topic: string }>(
    `SELECT topic FROM outbox_message WHERE topic = ANY ($1) ORDER BY topic`,
    [topics]
  )
  return rows.map(({ topic }) => topic)
}

void t.test(
  'a person who left traces everywhere, erased: their bare id is left in three tables',
  async (t) => {
    const { id, email, headers } = await givenPerson()
    await app.post(
      '/users/change-email',
      { email: freshEmail(), current_password: PASSWORD },
      headers
    )
    await app.post('/auth/forgot-password', { email })
    const stranger = await app.post('/auth/register', {
      email,
      password: 'strangers-password-88',
      username: 'reserved-name'
    })
    t.equal(stranger.statusCode, 201)
    const topics = ['verify-email', 'reset-password', 'confirm-email-change', 'already-registered']
    await eventually('all mails wait', async () => (await mailsOf(topics)).length === topics.length)
    for (const statement of [
      `INSERT INTO device_authorization (device_code_hash, user_code_hash, client_id, scope, interval_seconds, created_at, expires_at, user_id)
     SELECT '\\x01', '\\x01', 'tv', 'openid', 5, n, n + interval '1 hour', $1 FROM latchkey_now() AS n`,
      `INSERT INTO authorization_request (id_hash, client_id, is_pushed, parameters_sealed, created_at, expires_at, consented_by)
     SELECT '\\x01', 'shop', false, '', n, n + interval '1 hour', $1 FROM latchkey_now() AS n`,
      `INSERT INTO authorization_code (code_hash, client_id, user_id, parent_id, scope, auth_time, created_at, expires_at)
     SELECT '\\x01', 'shop', $1, gen_random_uuid(), '', n, n, n + interval '1 hour' FROM latchkey_now() AS n`,
      `INSERT INTO username (username, holder_id) VALUES ('their-name', $1)`
    ]) {
      await app.sql(statement, [id])
    }
    const [index] = await app.sql<{ hex: string }>(
      `SELECT encode(email_index, 'hex') AS hex FROM users WHERE id = $1`,
      [id]
    )
    t.ok((await tablesWith(id)).length > 8, 'there is something to erase')
    t.ok((await tablesWith(index!.hex)).includes('registration'))

    const body = { password: PASSWORD }
    const erased = await app.app.inject({
      method: 'DELETE',
      url: '/users/delete-account',
      headers,
      body
    })
    t.equal(erased.statusCode, 200, erased.body)
    t.strictSame(await tablesWith(id), Object.keys(PSEUDONYM))
    t.strictSame(await tablesWith(index!.hex), [], 'and their address is nowhere')
    t.strictSame(
      await mailsOf([...topics, 'account-erased']),
      ['account-erased'],
      'but for the goodbye'
    )
    t.strictSame(await app.sql(`SELECT username FROM username`), [{ username: 'reserved-name' }])
  }
)

void t.test(
  "somebody else's mails and registrations, after an erasure: as they were",
  async (t) => {
    const gone = await givenPerson()
    const other = await givenPerson()
    await app.post('/auth/forgot-password', { email: other.email })
    await app.post('/auth/register', { email: freshEmail(), password: PASSWORD })
    const counts = async () => {
      const [row] = await app.sql(
        `SELECT (SELECT count(*)::int FROM registration) AS registrations,
              (SELECT count(*)::int FROM outbox_message WHERE user_id = $1) AS mails`,
        [other.id]
      )
      return row
    }
    await eventually('the mail waits', async () => (await mailsOf(['reset-password'])).length === 1)
    const before = await counts()
    const { headers } = gone
    const body = { password: PASSWORD }
    await app.app.inject({ method: 'DELETE', url: '/users/delete-account', headers, body })
    t.strictSame(await counts(), before)
  }
)
