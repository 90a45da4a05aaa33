import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail, givenSession, givenUser, mailTo, refresh } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { outboxEmpty, register } from '../support/registrations.ts'
import { startSmtpSink } from '../support/smtp-sink.ts'

type Message = {
  payload: Buffer | null
  attempts: number
  error: string | null
  isSent: boolean
  isParked: boolean
}

async function outbox(app: TestApp): Promise<Message[]> {
  return app.sql<Message>(
    `SELECT payload_sealed AS payload, attempts, last_error AS error,
            sent_at IS NOT NULL AS "isSent", parked_at IS NOT NULL AS "isParked"
       FROM outbox_message ORDER BY id`
  )
}

/** Makes every insert into a table fail, as a full disk or a dropped connection would. */
async function refuseInserts(app: TestApp, table: string): Promise<void> {
  await app.sql(`
    CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$`)
  await app.sql(`CREATE TRIGGER refuse BEFORE INSERT ON ${table} EXECUTE FUNCTION refuse()`)
}

void t.test('a registration that fails after its mail was written: neither is kept', async (t) => {
  const app = await startApp(t)
  await refuseInserts(app, 'audit_event')
  t.equal((await register(app)).statusCode, 500)
  t.strictSame(await app.sql('SELECT id FROM registration'), [])
  t.strictSame(await outbox(app), [])
})

void t.test('a mail that cannot be written: no registration, no username, no token', async (t) => {
  const app = await startApp(t)
  await refuseInserts(app, 'outbox_message')
  t.equal((await register(app, { username: 'nobody' })).statusCode, 500)
  for (const table of ['registration', 'username', 'one_time_token', 'audit_event']) {
    t.strictSame(await app.sql(`SELECT * FROM ${table}`), [], table)
  }
})

void t.test('a mail that waits: sealed; once sent: erased', async (t) => {
  const sink = await startSmtpSink(t, { refuse: '451 later' })
  const app = await startApp(t, { SMTP_URL: sink.url })
  const email = freshEmail()
  await register(app, { email })
  const waiting = await eventually('a failed attempt', async () =>
    (await outbox(app)).find(({ error }) => error !== null)
  )
  t.match(waiting, { attempts: 1, isSent: false, error: 'SMTP 451' })
  const text = waiting.payload!.toString('latin1')
  t.notOk(
    text.includes(email) || text.includes('token=') || text.includes('verify-email'),
    'sealed'
  )
  sink.become('accept')
  await app.moveTime(16)
  await outboxEmpty(app)
  t.match(await outbox(app), [{ payload: null, attempts: 2, isSent: true }])
  t.equal(sink.to(email).length, 1)
})

void t.test('a sealed mail, copied into another row: does not open', async (t) => {
  const sink = await startSmtpSink(t, { refuse: '451 later' })
  const app = await startApp(t, { SMTP_URL: sink.url })
  const [victim, thief] = [freshEmail(), freshEmail()]
  for (const email of [victim, thief]) await register(app, { email })
  await eventually('two failed attempts', async () =>
    (await outbox(app)).every(({ attempts, error }) => attempts === 1 && error !== null)
  )
  await app.sql(`
    UPDATE outbox_message SET payload_sealed = (SELECT payload_sealed FROM outbox_message ORDER BY id LIMIT 1)
     WHERE id = (SELECT id FROM outbox_message ORDER BY id DESC LIMIT 1)`)
  sink.become('accept')
  await app.moveTime(16)
  await eventually('the second attempts', async () => {
    const open = `SELECT id FROM outbox_message WHERE attempts < 2 OR claimed_until IS NOT NULL`
    return (await app.sql(open)).length === 0
  })
  t.equal(sink.to(victim).length, 1, 'once, from its own row')
  t.strictSame(sink.to(thief), [])
})

void t.test(
  'a mail that expired before it could be sent: parked, erased, never sent',
  async (t) => {
    const sink = await startSmtpSink(t)
    await sink.down()
    const app = await startApp(t, { SMTP_URL: sink.url })
    await register(app)
    await eventually('a failed attempt', async () => (await outbox(app))[0]?.error)
    await app.moveTime(24 * 3_600 + 1)
    await sink.up()
    await eventually('parking', async () => (await outbox(app))[0]?.isParked)
    t.match(await outbox(app), [{ payload: null, isSent: false, isParked: true }])
    t.strictSame(sink.messages, [])
  }
)

void t.test('a great many that expired: parked a thousand at a time', async (t) => {
  const app = await startApp(t)
  await app.sql(`
    INSERT INTO outbox_message (id, kind, payload_sealed, created_at, next_attempt_at, expires_at)
    SELECT gen_random_uuid(), 'mail', '\\x00', latchkey_now() - interval '2 days', latchkey_now(),
           latchkey_now() - interval '1 day'
      FROM generate_series(1, 2500)`)
  const batches = await eventually('parking', async () => {
    const rows = await app.sql<{ n: number }>(
      `SELECT count(*)::int AS n FROM outbox_message WHERE parked_at IS NOT NULL GROUP BY xmin::text`
    )
    return rows.reduce((sum, { n }) => sum + n, 0) === 2_500 && rows.map(({ n }) => n)
  })
  t.strictSame(batches.sort(), [1_000, 1_000, 500].sort())
})

void t.test(
  'values with markup and format characters, in a mail: text, and nothing else',
  async (t) => {
    const app = await startApp(t)
    const device = '<img src=x onerror=alert(1)>"\'&\u202e {{7*7}} <%= 7 %>'
    const user = await givenUser(app, { name: '<script>alert(1)</script>', surname: '"><b>' })
    const { email, password } = user
    const login = await app.post('/auth/login', { email, password, device })
    const { refreshToken: other } = await givenSession(app, user)
    const first = login.json().refresh_token as string
    const second = (await refresh(app, first)).json().refresh_token as string
    await refresh(app, second)
    t.equal((await refresh(app, first)).statusCode, 401)
    const mail = await mailTo(app, email, /ended one of your sessions/)
    t.notMatch(mail.html, /<img|<script|<b>|<%|49/)
    t.ok(mail.html.includes('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;'), 'escaped')
    const seen = device.replace('\u202e ', ' ')
    t.ok(mail.text.split('\n').includes(`    Device:  ${seen}`), 'a line of its own in the text')
    t.equal((await refresh(app, other)).statusCode, 200, 'other sessions live on')
  }
)

void t.test(
  'names with line breaks or control characters, registered: 422 and no mail',
  async (t) => {
    const app = await startApp(t)
    for (const text of [
      'A\r\nBcc: eve@evil.example',
      'A\nB',
      'A\0B',
      'A\u2028B',
      'A\u0085B',
      '\u001b[2J'
    ]) {
      for (const field of ['name', 'surname', 'locale', 'phone_number', 'username']) {
        const answer = await register(app, { [field]: text })
        t.equal(answer.statusCode, 422, `${field}: ${encodeURIComponent(text)}`)
      }
    }
    t.strictSame(await outbox(app), [])
  }
)
