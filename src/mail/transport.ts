import type { Transporter } from 'nodemailer'
import type { Mailbox } from '../lib/setting-parsers.ts'

/** A rendered mail. `messageId` is the same at every attempt, so that a repeated one is seen as one. */
export type RenderedMail = {
  messageId: string
  to: string
  subject: string
  text: string
  html: string
}

export type MailTransport = {
  /**
   * Resolves once the mail server (or the disk) has taken it.
   * @throws {DeliveryError} when it has not, or when nobody knows
   */
  send: (mail: RenderedMail) => Promise<void>
  close: () => void
}

/** Who every mail is from. */
export type Sender = { name: string; address: string }

export const senderOf = (mailFrom: Mailbox, brand: string): Sender => ({
  name: mailFrom.name ?? brand,
  address: mailFrom.address
})

/**
 * Why a mail was not taken. A mail server's own words may repeat the address: none of them is kept.
 * @property code `SMTP 550 5.1.1`, or the kind of connection trouble
 * @property isPermanent whether another attempt is of no use
 */
class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  readonly code: string
  readonly isPermanent: boolean

  constructor(code: string, isPermanent: boolean) {
    super(`a mail was not taken: ${code}`)
    this.code = code
    this.isPermanent = isPermanent
  }
}

/** nodemailer is given objects for the addresses: nothing in one is ever parsed as a list. */
export function envelope(from: Sender, { to, ...mail }: RenderedMail) {
  return {
    ...mail,
    from,
    to: { name: '', address: to },
    headers: { 'Auto-Submitted': 'auto-generated' }
  }
}

const CONNECT_TIMEOUT_MS = 10_000
/**
 * Of each answer on an open connection. A server that looks for spam answers late; whoever gives up
 * before it does sends the mail twice. Less than a lease all the same.
 */
const ANSWER_TIMEOUT_MS = 30_000
/** As many as the outbox sends at once, so that no mail waits for another one's connection. */
const CONNECTIONS = 10

/** With the first mail: nodemailer is large, and a server starts without it. */
export const loadNodemailer = () => import('nodemailer')

/** Connects and logs in, and sends nothing. @throws what the mail server or the network says */
export async function probeSmtp(url: string): Promise<void> {
  const { createTransport } = await loadNodemailer()
  const smtp = createTransport({
    url,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: CONNECT_TIMEOUT_MS
  })
  await smtp.verify().finally(() => {
    smtp.close()
  })
}

/** Mail to a real server, over connections that are kept while there is mail. */
export function createSmtpTransport(url: string, from: Sender): MailTransport {
  const options = {
    url,
    pool: true,
    maxConnections: CONNECTIONS,
    maxMessages: 100,
    // An attempt is repeated by the outbox, which knows how long to wait and when it is no use.
    maxRequeues: 0,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: ANSWER_TIMEOUT_MS
  } as const
  let smtp: Transporter | undefined
  return {
    send: async (mail) => {
      const { createTransport } = await loadNodemailer()
      smtp ??= createTransport(options)
      await smtp.sendMail(envelope(from, mail)).catch((error: unknown) => {
        throw toDeliveryError(error)
      })
    },
    close: () => {
      smtp?.close()
    }
  }
}

type SmtpFault = { code?: unknown; command?: unknown; response?: unknown; responseCode?: unknown }

function toDeliveryError(error: unknown): DeliveryError {
  const { code, command, response, responseCode } = error as SmtpFault
  if (typeof responseCode !== 'number') {
    return new DeliveryError(typeof code === 'string' ? code : 'unknown', false)
  }
  const status = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(String(response))?.[1]
  return new DeliveryError(
    ['SMTP', responseCode, ...(status === undefined ? [] : [status])].join(' '),
    isAboutRecipient(command) && isForGood(responseCode, status)
  )
}

/** The other commands fail for every mail alike: that is the operator's to mend. */
const isAboutRecipient = (command: unknown) => command === 'RCPT TO' || command === 'DATA'

/** RFC 5321 §4.2.1. Asking for a login, and policy (RFC 3463 X.7.X, such as "relay denied"), mean the operator. */
function isForGood(responseCode: number, status = ''): boolean {
  const wantsLogin = [530, 534, 535, 538].includes(responseCode)
  return responseCode >= 500 && !wantsLogin && !status.startsWith('5.7.')
}
