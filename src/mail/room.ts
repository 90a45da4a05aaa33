import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Platform } from '../platform/open-platform.ts'
import { createCapturedTransport } from './captured.ts'
import { createMailCap } from './mail-cap.ts'
import { createOutboxStore } from './outbox-store.ts'
import { startOutboxWorker } from './outbox-worker.ts'
import { createOutbox, type OutboxKind } from './outbox.ts'
import { renderMail } from './render.ts'
import { createMailSender } from './sender.ts'
import { createSmtpTransport } from './transport.ts'

export type MailRoom = ReturnType<typeof openMail>

/** Where captured mail lies, in development. */
export const mailDirectoryOf = ({ dataDir }: Config) => join(dataDir, 'mail')

/** The outbox and what works it off. */
export function openMail(platform: Platform, config: Config, onFault: (error: unknown) => void) {
  const { postgres, sealer, clock, dataKeys } = platform
  const { smtpUrl, mailFrom, issuer } = config
  const outbox = createOutbox({ sealer, clock })
  const store = createOutboxStore(postgres)
  const transport =
    smtpUrl === undefined
      ? createCapturedTransport(mailDirectoryOf(config), mailFrom)
      : createSmtpTransport(smtpUrl, mailFrom)

  /** Works off messages of a kind until it is stopped. */
  function startWorker(kind: OutboxKind, handle: (payload: never, id: string) => Promise<void>) {
    return startOutboxWorker({ store, sealer, kind, handle, onFault })
  }

  const sender = startWorker('mail', createMailSender({ transport, render: renderMail, issuer }))

  async function stop(): Promise<void> {
    await sender.stop()
    transport.close()
  }

  return {
    outbox,
    enqueueMail: outbox.enqueueMail,
    takeMailSlot: createMailCap(dataKeys, [
      { mails: config.mailLimitPerMinute, seconds: 60 },
      { mails: config.mailLimitPerHour, seconds: 3_600 },
      { mails: config.mailLimitPerDay, seconds: 86_400 }
    ]),
    startWorker,
    stop
  }
}
