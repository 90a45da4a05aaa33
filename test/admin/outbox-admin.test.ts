import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail, givenSession, PASSWORD } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { atOnce, register, statuses } from '../support/registrations.ts'
import { startSmtpSink } from '../support/smtp-sink.ts'

const UNKNOWN = '00000000-0000-7000-8000-000000000000'

/** An administrator, and three mails that the mail server has refused for good. */
async function givenParked() {
  const sink = await startSmtpSink(t)
  const app = await startApp(t, { EMAIL_VERIFICATION: 'optional', SMTP_URL: sink.url })
  const person = { id: '', email: freshEmail(), password: PASSWORD }
  await register(app, { email: person.email })
  await app.sql(`UPDATE users SET roles = '{admin,user}'`)
  const { accessToken } = await givenSession(app, person)
  await app.sql('DELETE FROM outbox_message')
  sink.become({ refuse: '550 5.1.1 <ADDRESS>: nobody here' })
  const emails = Array.from({ length: 3 }, freshEmail)
  for (const email of emails) await register(app, { email })
  await parked(app, 3)
  return { app, sink, emails, accessToken }
}

async function parked(app: TestApp, count: number): Promise<void> {
  await eventually(`${count} parked mails`, async () => {
    const rows = await app.sql('SELECT id FROM outbox_message WHERE parked_at IS NOT NULL')
    return rows.length >= count
  })
}

const { app, sink, emails, accessToken } = await givenParked()

async function call(method: 'GET' | 'POST' | 'DELETE', url: string) {
  return app.app.inject({ method, url, headers: { authorization: `Bearer ${accessToken}` } })
}

type Entry = { id: string; state: string }
const list = async (query = ''): Promise<Entry[]> =>
  (await call('GET', `/admin/outbox${query}`)).json().messages

async function audited(type: string, id: string) {
  return app.sql(`SELECT id FROM audit_event WHERE type = $1 AND details->>'message' = $2`, [
    type,
    id
  ])
}

void t.test('what is parked, listed: why and since when; no address, no token', async (t) => {
  const answer = await call('GET', '/admin/outbox?state=parked&kind=mail')
  t.equal(answer.statusCode, 200)
  t.match(answer.json().messages[0], {
    kind: 'mail',
    topic: 'verify-email',
    state: 'parked',
    attempts: 1,
    last_error: 'SMTP 550 5.1.1',
    next_attempt_at: null
  })
  t.notOk(emails.some((email) => answer.body.includes(email)))
  t.notMatch(answer.body, /token|person-|@/)
  t.strictSame(await list('?state=waiting'), [])
  t.strictSame(await list('?kind=mail_request'), [])
  const pages: string[] = []
  for (let cursor = ''; ;) {
    const page = (await call('GET', `/admin/outbox?limit=1${cursor}`)).json()
    pages.push(...page.messages.map(({ id }: Entry) => id))
    if (page.next_cursor === null) break
    cursor = `&cursor=${page.next_cursor as string}`
  }
  t.strictSame(
    pages,
    (await list()).map(({ id }) => id)
  )
  t.equal((await call('GET', '/admin/outbox?state=sent')).statusCode, 422)
})

void t.test('a parked mail, retried by fifty at once: one succeeds, and it arrives', async (t) => {
  const [{ id }] = (await list('?state=parked')) as [Entry]
  sink.become({ refuse: '450 4.2.1 later' })
  const answers = await atOnce(50, () => call('POST', `/admin/outbox/${id}/retry`))
  t.strictSame(statuses(answers), { 200: 1, 409: 49 })
  t.match(answers.find(({ statusCode }) => statusCode === 409)?.json(), { code: 'not_parked' })
  t.equal((await audited('outbox.retried', id)).length, 1)
  sink.become('accept')
  await app.moveTime(60)
  await eventually('the mail', () =>
    Promise.resolve(sink.messages.some((mail) => mail.messageId.includes(id)))
  )
  await eventually(
    'an end',
    async () => (await call('POST', `/admin/outbox/${id}/retry`)).statusCode === 404
  )
})

void t.test('an unsent mail, deleted by fifty at once: one succeeds, and it is gone', async (t) => {
  const [{ id }] = (await list('?state=parked')) as [Entry]
  const answers = await atOnce(50, () => call('DELETE', `/admin/outbox/${id}`))
  t.strictSame(statuses(answers), { 200: 1, 404: 49 })
  t.equal((await audited('outbox.deleted', id)).length, 1)
  t.strictSame(await app.sql('SELECT id FROM outbox_message WHERE id = $1', [id]), [])
})

void t.test('a parked mail that has expired: erased, shown as that, and not retried', async (t) => {
  const [{ id }] = (await list('?state=parked')) as [Entry]
  await app.moveTime(24 * 3_600 + 61)
  await eventually('erasing', async () => {
    const rows = await app.sql('SELECT id FROM outbox_message WHERE payload_sealed IS NOT NULL')
    return rows.length === 0
  })
  await app.moveTime(0)
  t.match(await list('?state=expired'), [{ id, state: 'expired', next_attempt_at: null }])
  t.equal((await call('POST', `/admin/outbox/${id}/retry`)).json().code, 'not_parked')
  t.equal((await call('DELETE', `/admin/outbox/${id}`)).statusCode, 200)
  for (const [method, url] of [
    ['POST', `/admin/outbox/${UNKNOWN}/retry`],
    ['DELETE', `/admin/outbox/${UNKNOWN}`]
  ] as const) {
    t.equal((await call(method, url)).statusCode, 404)
  }
})
