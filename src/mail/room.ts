import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { Platform } from '../platform/open-platform.ts'
import { createCapturedTransport } from './captured.ts'
import { createMailCap } from './mail-cap.ts'
import { createOutboxGaugesStore } from './outbox-gauges-store.ts'
import { addOutboxMetrics } from './outbox-metrics.ts'
import { createOutboxStore } from './outbox-store.ts'
import { startOutboxWorker, type OutboxWorkerDeps } from './outbox-worker.ts'
import { createOutbox, type OutboxKind } from './outbox.ts'
import type { RenderMail } from './render.ts'
import { createMailSender } from './sender.ts'
import { createSmtpTransport, senderOf } from './transport.ts'

export type MailRoom = ReturnType<typeof openMail>

export type MailDeps = {
  platform: Platform
  config: Config
  render: RenderMail
  onFault: (error: unknown) => void
}

/** Where captured mail lies, in development. */
export const mailDirectoryOf = ({ dataDir }: Config) => join(dataDir, 'mail')

/** The outbox and what works it off. */
export function openMail({ platform, config, render, onFault }: MailDeps) {
  const { postgres, sealer, clock, dataKeys, metrics } = platform
  const { smtpUrl, issuer } = config
  const outbox = createOutbox({ sealer, clock })
  const store = createOutboxStore(postgres)
  const countMail = addOutboxMetrics(metrics, createOutboxGaugesStore(postgres))
  const from = senderOf(config.mailFrom, config.brandName)
  const transport =
    smtpUrl === undefined
      ? createCapturedTransport(mailDirectoryOf(config), from)
      : createSmtpTransport(smtpUrl, from)

  /** Works off messages of a kind until it is stopped. */
  function startWorker(
    kind: OutboxKind,
    handle: OutboxWorkerDeps['handle'],
    onOutcome?: OutboxWorkerDeps['onOutcome']
  ) {
    const counted = onOutcome === undefined ? {} : { onOutcome }
    return startOutboxWorker({ store, sealer, kind, handle, onFault, ...counted })
  }

  const sender = startWorker('mail', createMailSender({ transport, render, issuer }), countMail)

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
