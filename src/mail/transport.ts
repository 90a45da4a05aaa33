import { createTransport } from 'nodemailer'

/** A rendered mail. `messageId` is the same at every attempt, so that a repeated one is seen as one. */
export type RenderedMail = {
  messageId: string
  to: string
  subject: string
  text: string
  html: string
}

export type MailTransport = {
  /** Resolves once the mail server (or the disk) has taken it. */
  send: (mail: RenderedMail) => Promise<void>
  close: () => void
}

/** nodemailer is given an object for the recipient: nothing in an address is ever parsed as a list. */
export function envelope(from: string, { to, ...mail }: RenderedMail) {
  return {
    ...mail,
    from,
    to: { name: '', address: to },
    headers: { 'Auto-Submitted': 'auto-generated' }
  }
}

const TIMEOUT_MS = 10_000

/** Mail to a real server; nobody waits for it longer than 10 s. */
export function createSmtpTransport(url: string, from: string): MailTransport {
  const smtp = createTransport({
    url,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS
  })
  return {
    send: async (mail) => {
      await smtp.sendMail(envelope(from, mail))
    },
    close: () => {
      smtp.close()
    }
  }
}
