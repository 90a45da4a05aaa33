import { readCapturedMail, type CapturedMail } from '../../src/mail/captured.ts'
import { join } from 'node:path'
import type { TestApp } from './app.ts'
import { eventually } from './eventually.ts'

export const PASSWORD = 'sparrow-lantern-42-quartz'

let people = 0

/** An address that no other test uses. */
export function freshEmail(): string {
  people += 1
  return `person-${process.pid}-${people}@example.com`
}

/** The newest mail to an address, once it has arrived; `subject` narrows it down. */
export async function mailTo(
  { dataDir }: Pick<TestApp, 'dataDir'>,
  email: string,
  subject = /./
): Promise<CapturedMail> {
  return eventually(`mail to ${email}`, async () => {
    const mails = await readCapturedMail(join(dataDir, 'mail'), 1_000)
    return mails.find((mail) => mail.to === email && subject.test(mail.subject))
  })
}

/** The link's token and the typed code of a mail. */
export function secretsOf({ text }: CapturedMail): { token: string; code: string } {
  const token = /token=([\w-]+)/.exec(text)?.[1]
  const code = /^ {4}(\w{4}-\w{4})$/m.exec(text)?.[1]
  if (token === undefined || code === undefined) throw new Error('This mail has no link and code.')
  return { token, code }
}

/** Somebody who registered and followed the link. */
export async function givenUser(app: TestApp, form: Record<string, string> = {}) {
  const email = form['email'] ?? freshEmail()
  const registered = await app.post('/auth/register', { password: PASSWORD, ...form, email })
  if (registered.statusCode !== 201) throw new Error(`register: ${registered.body}`)
  const { token } = secretsOf(await mailTo(app, email))
  const verified = await app.post('/auth/verify-email', { token })
  if (verified.statusCode !== 200) throw new Error(`verify: ${verified.body}`)
  return { id: registered.json().user.id as string, email, password: form['password'] ?? PASSWORD }
}

export type TestUser = Awaited<ReturnType<typeof givenUser>>

/** A login of a new user, or of the one given. */
export async function givenSession(app: TestApp, user?: TestUser) {
  const person = user ?? (await givenUser(app))
  const { email, password } = person
  const answer = await app.post('/auth/login', { email, password })
  if (answer.statusCode !== 200) throw new Error(`login: ${answer.body}`)
  const { access_token: accessToken, refresh_token: refreshToken } = answer.json()
  const claims = claimsOf(accessToken)
  return {
    user: person,
    accessToken: accessToken as string,
    refreshToken: refreshToken as string,
    sessionId: claims['sid'] as string
  }
}

/** What a JWT says, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >
}

/** Sends a refresh token and gives the answer. */
export async function refresh(app: TestApp, refreshToken: string) {
  return app.post('/auth/refresh-token', { refresh_token: refreshToken })
}

/** Makes every lock that guesses have set last an hour, so that no slow machine outwaits it. */
export async function holdLocks(app: TestApp): Promise<void> {
  await app.sql(
    `UPDATE guess_lane SET blocked_until = latchkey_now() + interval '1 hour' WHERE failures >= 5`
  )
}
