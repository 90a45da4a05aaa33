import { randomBytes } from 'node:crypto'
import PostalMime from 'postal-mime'
import t from 'tap'
import { createSmtpTransport } from '../../src/mail/transport.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { atOnce, outboxEmpty, register, statuses, verify } from '../support/registrations.ts'
import { linkOf, startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

const FAST_MS = 500

async function failedAttempts(app: TestApp, count: number): Promise<void> {
  await eventually(
    `${count} failed attempts`,
    async () => {
      const rows = await app.sql('SELECT id FROM outbox_message WHERE last_error IS NOT NULL')
      return rows.length >= count
    },
    20_000
  )
}

for (const trouble of ['refused connections', 'no answer'] as const) {
  void t.test(`registering, mail server with ${trouble}: fast, and nothing is lost`, async (t) => {
    const sink = await startSmtpSink(t)
    const app = await startApp(t, { SMTP_URL: sink.url })
    if (trouble === 'no answer') sink.become('stall')
    else await sink.down()
    await register(app) // the sender is busy with this one from here on
    await eventually('an attempt', async () => {
      const rows = await app.sql('SELECT id FROM outbox_message WHERE attempts > 0')
      return rows.length > 0
    })
    const emails = Array.from({ length: 5 }, freshEmail)
    const usual = await medianMs(emails, async (email) => {
      t.equal((await register(app, { email })).statusCode, 201)
    })
    t.ok(usual < FAST_MS, `registering took ${usual} ms`)
    const resent = await medianMs(emails, async (email) => {
      await app.post('/auth/resend-verification', { email })
    })
    t.ok(resent < FAST_MS, `resending took ${resent} ms`)
    await eventually('both mails of each, written', async () => {
      const rows = await app.sql(`SELECT id FROM outbox_message WHERE kind = 'mail'`)
      return rows.length === 1 + 2 * emails.length
    })
    await bringBack(sink, app)
    await eventually('both mails of each', () =>
      Promise.resolve(emails.every((email) => sink.to(email).length === 2))
    )
    const [newest] = sink.to(emails[0]!).sort((a, b) => (a.messageId < b.messageId ? 1 : -1))
    t.equal((await verify(app, { token: linkOf(newest!) })).statusCode, 200)
  })
}

/** The median, which a busy machine moves little; a request that waits for mail is slow each time. */
async function medianMs(emails: string[], call: (email: string) => Promise<void>) {
  const times: number[] = []
  for (const email of emails) {
    const begun = performance.now()
    await call(email)
    times.push(Math.round(performance.now() - begun))
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!
}

/** The mail server works again, and the waits between attempts pass. */
async function bringBack(sink: SmtpSink, app: TestApp): Promise<void> {
  sink.become('accept')
  await sink.restart()
  for (let seconds = 3_600; ; seconds += 3_600) {
    await app.moveTime(seconds)
    const isEmpty = await eventually('an empty outbox', () =>
      outboxEmpty(app).then(() => true)
    ).catch(() => false)
    if (isEmpty || seconds > 8 * 3_600) break
  }
  await app.moveTime(0)
}

void t.test('the answer lost after DATA: the mail again with the same Message-ID', async (t) => {
  const sink = await startSmtpSink(t, 'drop-answer')
  const app = await startApp(t, { SMTP_URL: sink.url })
  const email = freshEmail()
  await register(app, { email })
  await failedAttempts(app, 1)
  t.equal(sink.to(email).length, 1)
  sink.become('accept')
  await app.moveTime(16)
  await outboxEmpty(app)
  const [first, second] = sink.to(email)
  t.match(first?.messageId, /^<[0-9a-f-]{36}@localhost>$/)
  t.equal(second?.messageId, first?.messageId)
  t.equal(sink.to(email).length, 2, 'and no third time')
  t.equal((await verify(app, { token: linkOf(first!) })).statusCode, 200)
})

void t.test('two servers on one database: every mail is sent once', async (t) => {
  const sink = await startSmtpSink(t)
  const shared = {
    SMTP_URL: sink.url,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex')
  }
  const one = await startApp(t, shared)
  const other = await startApp(t, { ...shared, DATABASE_URL: one.databaseUrl })
  const emails = Array.from({ length: 40 }, freshEmail)
  for (let next = 0; next < emails.length; next += 4) {
    const answers = await atOnce(4, (index) =>
      register(index % 2 === 0 ? one : other, { email: emails[next + index] })
    )
    t.strictSame(statuses(answers), { 201: 4 })
  }
  await outboxEmpty(one)
  t.equal(sink.messages.length, emails.length)
  t.equal(new Set(sink.messages.map(({ messageId }) => messageId)).size, emails.length)
  t.strictSame(sink.messages.flatMap(({ to }) => to).sort(), emails.sort())
  const attempts = await one.sql('SELECT max(attempts)::int AS most FROM outbox_message')
  t.strictSame(attempts, [{ most: 1 }])
})

void t.test(
  'a server that died while it sent: another one takes over when its lease ends',
  async (t) => {
    const sink = await startSmtpSink(t, 'stall')
    const env = { SMTP_URL: sink.url, KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex') }
    const app = await startApp(t, env)
    const email = freshEmail()
    await register(app, { email })
    const [claim] = await eventually('a claim', async () => {
      const rows = await app.sql<{ id: string; seconds: number }>(
        `SELECT id, extract(epoch FROM claimed_until - latchkey_now())::int AS seconds
         FROM outbox_message WHERE claimed_until IS NOT NULL`
      )
      return rows.length > 0 && rows
    })
    t.ok(claim!.seconds > 40 && claim!.seconds <= 60, `a lease of ${claim!.seconds} s`)
    await startApp(t, { ...env, DATABASE_URL: app.databaseUrl })
    sink.become('accept')
    await app.moveTime(61)
    await eventually('the mail', () => Promise.resolve(sink.to(email).length > 0))
    t.match(sink.to(email)[0]?.messageId, claim!.id, 'under the Message-ID of the row')
  }
)

void t.test(
  'a mail, as it arrives: one recipient, text and HTML, marked as automatic',
  async (t) => {
    const sink = await startSmtpSink(t)
    const env = { SMTP_URL: sink.url, MAIL_FROM: 'Latchkey <no-reply@id.example>' }
    const app = await startApp(t, env)
    const addresses: Record<string, string> = {
      "o'brien+a=b@example.com": "o'brien+a=b@example.com",
      'first.{last}|x@example.com': 'first.{last}|x@example.com',
      'jürgen@example.com': 'jürgen@example.com',
      'ada@bücher.example': 'ada@xn--bcher-kva.example'
    }
    for (const email of Object.keys(addresses)) {
      t.equal((await register(app, { email })).statusCode, 201, email)
    }
    await outboxEmpty(app)
    const recipients = sink.messages.map(({ to }) => to.join(' and '))
    t.strictSame(recipients.sort(), Object.values(addresses).sort(), 'each to its one address')
    for (const { raw, from, to, messageId } of sink.messages) {
      const mail = await PostalMime.parse(raw)
      const header = (key: string) => mail.headers.filter((line) => line.key === key)
      t.equal(from, 'no-reply@id.example')
      t.strictSame(
        mail.to?.map(({ address }) => address),
        to
      )
      t.strictSame([mail.cc, mail.bcc], [undefined, undefined])
      t.strictSame(
        header('auto-submitted').map(({ value }) => value),
        ['auto-generated']
      )
      t.equal(header('message-id').length, 1)
      t.equal(mail.messageId, messageId)
      t.match(header('content-type')[0]?.value, /^multipart\/alternative/)
      t.match(mail.text, /http:\/\/localhost:3000\/verify-email\?token=[\w-]{43}\s/)
      t.match(mail.html, /href="http:\/\/localhost:3000\/verify-email\?token=[\w-]{43}"/)
      t.notMatch(mail.html, /<img|<script|src=|<link/, 'nothing is loaded, nobody is tracked')
      t.ok(Math.abs(Date.parse(mail.date ?? '') - Date.now()) < 60_000)
    }
  }
)

void t.test(
  'an address that is a list after all, handed to the transport: reaches nobody else',
  async (t) => {
    const sink = await startSmtpSink(t)
    const transport = createSmtpTransport(sink.url, {
      name: 'Latchkey',
      address: 'no-reply@id.example'
    })
    t.teardown(() => {
      transport.close()
    })
    const mail = { messageId: '<1@id.example>', subject: 'S', text: 'T', html: 'H' }
    for (const to of [
      'ada@example.com, eve@evil.example',
      'ada@example.com;eve@evil.example',
      'friends:eve@evil.example;',
      'Ada <eve@evil.example>',
      'ada@example.com\r\nBcc: eve@evil.example'
    ]) {
      await transport.send({ ...mail, to }).catch(() => undefined)
    }
    t.strictSame(sink.to('eve@evil.example'), [])
    for (const { raw } of sink.messages) t.notMatch(raw, /^Bcc:/im)
  }
)
