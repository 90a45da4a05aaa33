import t from 'tap'
import { retryAfterSeconds } from '../../src/mail/outbox-worker.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { outboxEmpty, register } from '../support/registrations.ts'
import { startSmtpSink, type SinkMode } from '../support/smtp-sink.ts'

type Row = {
  error: string | null
  attempts: number
  isParked: boolean
  isKept: boolean
  waitSeconds: number
}

/** The newest message that failed like this. */
async function newestRow(app: TestApp, error: string): Promise<Row | undefined> {
  const [row] = await app.sql<Row>(
    `SELECT last_error AS error, attempts, parked_at IS NOT NULL AS "isParked",
            payload_sealed IS NOT NULL AS "isKept",
            extract(epoch FROM next_attempt_at - latchkey_now())::float8 AS "waitSeconds"
       FROM outbox_message WHERE claimed_until IS NULL AND last_error = $1
      ORDER BY id DESC LIMIT 1`,
    [error]
  )
  return row
}

async function metric(app: TestApp, line: string): Promise<number> {
  const { body } = await app.get('/metrics')
  const found = body.split('\n').find((one) => one.startsWith(`latchkey_${line} `))
  return Number(found?.split(' ')[1])
}

const CASES: [mode: Exclude<SinkMode, string>, error: string, isParked: boolean][] = [
  [{ refuse: '550 5.1.1 <ADDRESS>: nobody here' }, 'SMTP 550 5.1.1', true],
  [{ refuse: '552 5.2.2 <ADDRESS> is full' }, 'SMTP 552 5.2.2', true],
  [{ refuse: '553 sorry, <ADDRESS>' }, 'SMTP 553', true],
  [{ refuse: '554 5.6.0 no such thing', at: 'DATA' }, 'SMTP 554 5.6.0', true],
  [{ refuse: '450 4.2.1 <ADDRESS> is busy' }, 'SMTP 450 4.2.1', false],
  [{ refuse: '452 too many', at: 'DATA' }, 'SMTP 452', false],
  [{ refuse: '554 5.7.1 <ADDRESS>: Relay access denied' }, 'SMTP 554 5.7.1', false],
  [{ refuse: '530 5.7.0 log in first', at: 'MAIL' }, 'SMTP 530 5.7.0', false],
  [{ refuse: '550 5.1.8 unknown sender', at: 'MAIL' }, 'SMTP 550 5.1.8', false]
]

void t.test('answers of a mail server: parked for good, or tried again later', async (t) => {
  const sink = await startSmtpSink(t)
  const app = await startApp(t, { SMTP_URL: sink.url })
  const [refused, postponed]: [string[], string[]] = [[], []]
  for (const [mode, error, isParked] of CASES) {
    sink.become(mode)
    const email = freshEmail()
    t.equal((await register(app, { email })).statusCode, 201)
    const row = await eventually(`${error}: an attempt`, async () => newestRow(app, error))
    t.match(row, { error, attempts: 1, isParked, isKept: true }, error)
    if (!isParked) t.ok(row.waitSeconds > 2 && row.waitSeconds <= 6.25, `${row.waitSeconds} s`)
    const list = isParked ? refused : postponed
    list.push(email)
    await app.sql(`UPDATE outbox_message SET next_attempt_at = latchkey_now() + interval '1 hour'`)
  }
  const told = async (line: string, value: number) => {
    await eventually(`${line} ${value}`, async () => (await metric(app, line)) === value)
  }
  await told('mails_total{outcome="parked"}', refused.length)
  await told('mails_total{outcome="retried"}', postponed.length)
  await told('outbox_messages{kind="mail",state="parked"}', refused.length)
  await told('outbox_messages{kind="mail",state="waiting"}', postponed.length)
  sink.become('accept')
  await app.moveTime(3_601)
  await outboxEmpty(app)
  t.ok(postponed.every((email) => sink.to(email).length === 1))
  t.notOk(
    refused.some((email) => sink.to(email).length > 0),
    'not tried again by itself'
  )
  await told('mails_total{outcome="sent"}', postponed.length)
})

void t.test(
  'a wrong password at the mail server: the operator’s matter, tried again',
  async (t) => {
    const refuse = '535 5.7.8 user: secret-canary is wrong'
    const sink = await startSmtpSink(t, { refuse, at: 'AUTH' })
    const url = sink.url.replace('smtp://', 'smtp://user:secret-canary@')
    const app = await startApp(t, { SMTP_URL: url })
    await register(app)
    const row = await eventually('an attempt', async () => newestRow(app, 'SMTP 535 5.7.8'))
    t.match(row, { isParked: false, isKept: true })
  }
)

void t.test('waits between attempts: from 5 s to an hour, never all alike', (t) => {
  const bounds = [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]
  for (const [index, base] of bounds.entries()) {
    const waits = Array.from({ length: 50 }, () => retryAfterSeconds(index + 1))
    t.ok(waits.every((seconds) => seconds >= base * 0.75 && seconds <= base * 1.25))
    t.ok(new Set(waits).size > 5)
  }
  t.end()
})

void t.test(
  'a reset mail that nobody takes for half an hour: given up, erased, counted',
  async (t) => {
    const sink = await startSmtpSink(t)
    const app = await startApp(t, { SMTP_URL: sink.url })
    const email = freshEmail()
    await register(app, { email })
    await outboxEmpty(app)
    const token = /token=3D([\w=\r\n-]+)/
      .exec(sink.to(email)[0]!.raw)?.[1]
      ?.replaceAll(/=\r\n/g, '')
    await app.post('/auth/verify-email', { token: token?.slice(0, 43) })
    sink.become({ refuse: '450 4.2.1 busy' })
    await app.post('/auth/forgot-password', { email })
    await eventually('an attempt', async () => {
      const rows = await app.sql(`SELECT id FROM outbox_message WHERE last_error LIKE 'SMTP 450%'`)
      return rows.length > 0
    })
    t.ok((await metric(app, 'outbox_oldest_waiting_seconds{kind="mail"}')) >= 0)
    await app.moveTime(30 * 60 + 1)
    await eventually(
      'giving up',
      async () => (await metric(app, 'mails_total{outcome="expired"}')) > 0
    )
    for (const [state, count] of [
      ['expired', 1],
      ['waiting', 0]
    ] as const) {
      const line = `outbox_messages{kind="mail",state="${state}"}`
      await eventually(line, async () => (await metric(app, line)) === count)
    }
    const kept = 'SELECT id FROM outbox_message WHERE payload_sealed IS NOT NULL'
    t.strictSame(await app.sql(kept), [])
  }
)
