import type { Mail } from './content.ts'
import type { RenderMail } from './render.ts'
import type { MailTransport } from './transport.ts'

export type MailSenderDeps = { transport: MailTransport; render: RenderMail; issuer: string }

/** Renders a mail and hands it to the mail server, with the same Message-ID at every attempt. */
export function createMailSender({ transport, render, issuer }: MailSenderDeps) {
  const domain = new URL(issuer).hostname

  return async function sendMail(mail: Mail, id: string): Promise<void> {
    await transport.send({ ...render(mail), to: mail.to, messageId: `<${id}@${domain}>` })
  }
}
