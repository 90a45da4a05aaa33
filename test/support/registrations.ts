import { join } from 'node:path'
import { readCapturedMail, type CapturedMail } from '../../src/mail/captured.ts'
import { sha256 } from '../../src/lib/secrets.ts'
import type { TestApp } from './app.ts'
import { freshEmail, PASSWORD, secretsOf } from './builders.ts'
import { eventually } from './eventually.ts'

export type Form = Record<string, unknown>

/** Registers with a good password and an address of its own, unless the form says otherwise. */
export async function register(app: TestApp, form: Form = {}) {
  return app.post('/auth/register', { email: freshEmail(), password: PASSWORD, ...form })
}

/** Somebody who registered and has the mail, and has not used it. */
export async function givenRegistration(app: TestApp, form: Form = {}) {
  const [registration] = await givenRegistrations(app, [form])
  return registration!
}

/** Many of them, registered at once. */
export async function givenRegistrations(app: TestApp, forms: Form[]) {
  const answers = await atOnce(forms.length, (index) => register(app, forms[index]))
  const registrations = []
  for (const answer of answers) {
    if (answer.statusCode !== 201) throw new Error(`register: ${answer.body}`)
    const { id, email } = answer.json().user as { id: string; email: string }
    const mail = await eventually(`the link of registration ${id}`, () => linkOf(app, id, email))
    registrations.push({ id, email, mail, ...secretsOf(mail) })
  }
  return registrations
}

/** The mail with the link of this registration, among all that its address got: the mail does not tell. */
async function linkOf(app: TestApp, id: string, email: string): Promise<CapturedMail | undefined> {
  const rows = await app.sql<{ hash: Buffer }>(
    'SELECT token_hash AS hash FROM one_time_token WHERE $1 IN (registration_id, user_id)',
    [id]
  )
  const mails = (await mailsSoFar(app, email)).filter(({ text }) => text.includes('token='))
  return mails.find((mail) => rows.some(({ hash }) => hash.equals(sha256(secretsOf(mail).token))))
}

/** The mails to an address once there are `count` of them, oldest first. */
export async function mailsTo(
  app: Pick<TestApp, 'dataDir'>,
  email: string,
  count: number
): Promise<CapturedMail[]> {
  return eventually(`${count} mails to ${email}`, async () => {
    const mails = await mailsSoFar(app, email)
    return mails.length >= count && mails
  })
}

async function mailsSoFar({ dataDir }: Pick<TestApp, 'dataDir'>, email: string) {
  const mails = await readCapturedMail(join(dataDir, 'mail'), 10_000)
  return mails.filter(({ to }) => to === email).reverse()
}

/**
 * Once nothing waits to be sent: what has not arrived by then never will. What was written while a test
 * had moved the time ahead is not due before that.
 */
export async function outboxEmpty(app: TestApp): Promise<void> {
  await eventually('an empty outbox', async () => {
    const waiting = await app.sql(
      `SELECT id FROM outbox_message
        WHERE sent_at IS NULL AND parked_at IS NULL AND created_at <= latchkey_now() + interval '1 minute'`
    )
    return waiting.length === 0
  })
}

/** The users there are with these ids. */
export async function usersWith(app: TestApp, ...ids: string[]): Promise<string[]> {
  const rows = await app.sql<{ id: string }>('SELECT id FROM users WHERE id = ANY($1::uuid[])', [
    ids
  ])
  return rows.map(({ id }) => id)
}

/** Which of these registrations still wait. */
export async function registrationsWith(app: TestApp, ...ids: string[]): Promise<string[]> {
  const rows = await app.sql<{ id: string }>(
    'SELECT id FROM registration WHERE id = ANY($1::uuid[]) ORDER BY id',
    [ids]
  )
  return rows.map(({ id }) => id)
}

export async function verify(app: TestApp, body: Form) {
  return app.post('/auth/verify-email', body)
}

export async function login(app: TestApp, email: string, password: string = PASSWORD) {
  return app.post('/auth/login', { email, password })
}

/** `count` calls at once. */
export async function atOnce<T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => call(index)))
}

/** How often each status was answered. */
export function statuses(answers: { statusCode: number }[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { statusCode } of answers) counts[statusCode] = (counts[statusCode] ?? 0) + 1
  return counts
}
