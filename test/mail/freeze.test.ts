import { randomBytes } from 'node:crypto'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, PASSWORD } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder } from '../support/folder.ts'
import { openDatabase } from '../support/raw-database.ts'
import { outboxEmpty, register } from '../support/registrations.ts'
import { startServer } from '../support/server.ts'
import { startSmtpSink } from '../support/smtp-sink.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { timed } from '../support/timed.ts'

const FAST_MS = 500
const FROZEN_MS = 3_000
const LEASE_SECONDS = 60

void t.test(
  'a mail server frozen for a while: registering stays fast, every mail arrives once',
  async (t) => {
    const sink = await startSmtpSink(t)
    const wire = await startTcpProxy(t, sink.url)
    const app = await startApp(t, { SMTP_URL: wire.url })
    await register(app)
    await outboxEmpty(app)
    wire.stall()
    const emails: string[] = []
    const times: number[] = []
    const until = performance.now() + FROZEN_MS
    while (performance.now() < until) {
      const email = freshEmail()
      const { result, tookMs } = await timed(() => register(app, { email }))
      t.equal(result.statusCode, 201)
      emails.push(email)
      times.push(tookMs)
    }
    times.sort((a, b) => a - b)
    const usual = times[Math.floor(times.length / 2)]!
    t.ok(usual < FAST_MS, `registering took ${usual} ms, at most ${times.at(-1)}`)
    t.ok(emails.length > 10, `${emails.length} mails wait`)
    t.equal(sink.messages.length, 1)
    await wire.restore()
    await outboxEmpty(app)
    t.strictSame(
      emails.map((email) => sink.to(email).length),
      emails.map(() => 1)
    )
  }
)

void t.test('a hanging connection: holds its own mail, and no other one', async (t) => {
  const sink = await startSmtpSink(t, 'hold-answer')
  const app = await startApp(t, { SMTP_URL: sink.url })
  const held = freshEmail()
  await register(app, { email: held })
  await eventually('the mail that hangs', () => Promise.resolve(sink.to(held).length > 0))
  sink.become('accept')
  const emails = Array.from({ length: 15 }, freshEmail)
  for (const email of emails) await register(app, { email })
  await eventually('all the others', () =>
    Promise.resolve(emails.every((email) => sink.to(email).length === 1))
  )
  const [row] = await app.sql(
    'SELECT count(*)::int AS waiting FROM outbox_message WHERE sent_at IS NULL'
  )
  t.strictSame(row, { waiting: 1 })
  await sink.restart()
  await eventually('its fault', async () => {
    const rows = await app.sql('SELECT id FROM outbox_message WHERE last_error IS NOT NULL')
    return rows.length === 1
  })
  await app.moveTime(7)
  await outboxEmpty(app)
  const [first, second] = sink.to(held)
  t.equal(second?.messageId, first?.messageId, 'again, under the same Message-ID')
})

void t.test(
  'a server killed between DATA and its answer: the mail again with the same Message-ID',
  async (t) => {
    const dataDir = await givenFolder(t)
    const { url } = await createTestDatabase(t)
    const database = await openDatabase(t, url)
    const sink = await startSmtpSink(t, 'hold-answer')
    const env = {
      DATABASE_URL: url,
      DATA_DIR: dataDir,
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
      SMTP_URL: sink.url
    }
    const server = await startServer(t, env)
    const email = freshEmail()
    t.equal((await server.post('/auth/register', { email, password: PASSWORD })).status, 201)
    await eventually('the mail', () => Promise.resolve(sink.to(email).length > 0))
    await server.kill('SIGKILL')
    sink.become('accept')
    await startServer(t, env)
    await database.moveTime(LEASE_SECONDS + 1)
    await eventually('the mail again', () => Promise.resolve(sink.to(email).length > 1))
    const [first, second] = sink.to(email)
    t.equal(second?.messageId, first?.messageId)
    await eventually('an end', async () => {
      const rows = await database.sql('SELECT id FROM outbox_message WHERE sent_at IS NULL')
      return rows.length === 0
    })
    t.equal(sink.to(email).length, 2)
  }
)
