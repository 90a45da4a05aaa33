import { setTimeout as delay } from 'node:timers/promises'
import type { CapturedMail } from '../../src/mail/captured.ts'
import { expectAnswer } from './answer.ts'
import type { Client } from './client.ts'
import { expect, Surprise } from './surprise.ts'

const PATH = '/dev/mail.json'
const PATIENCE_MS = 10_000
const POLL_MS = 50

/**
 * Only a development server keeps its mail for this machine to read. Asked before anybody registers, so
 * that nothing is left behind on a server that sends real mail.
 */
export async function requireInbox(latchkey: Client): Promise<void> {
  const { status } = await latchkey.peek(PATH)
  expect(
    status === 200,
    'The tour reads the mail at /dev/mail, and this server has none: run it against a development server (npm start, without SMTP_URL), on the same machine.'
  )
}

/** Waits for the mail that proves `email`. */
export async function findVerificationMail(latchkey: Client, email: string) {
  const deadline = performance.now() + PATIENCE_MS
  while (performance.now() < deadline) {
    const { mails } = expectAnswer(await latchkey.peek(PATH), 200) as { mails: CapturedMail[] }
    const mail = mails.find(({ to }) => to === email)
    if (mail !== undefined) return readMail(mail)
    await delay(POLL_MS)
  }
  throw new Surprise(`A mail to ${email} should be at /dev/mail by now, and is not.`)
}

function readMail({ subject, text }: CapturedMail) {
  const [link, token] = /https?:\S+token=([\w-]+)/.exec(text) ?? []
  const code = /^ +(\w{4}-\w{4})$/m.exec(text)?.[1]
  if (link === undefined || token === undefined || code === undefined) {
    throw new Surprise(`The mail "${subject}" should hold a link and a code, and does not.`)
  }
  return { subject, link, token, code }
}
