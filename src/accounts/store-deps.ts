import type { Audit } from '../audit/record.ts'
import type { MailCap } from '../mail/mail-cap.ts'
import type { EnqueueMail } from '../mail/outbox.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { EndSessions } from '../sessions/end-sessions.ts'
import type { MailTokenStore } from './mail-token-store.ts'

/** What the stores of this room stand on; each picks what it needs. */
export type AccountStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  clock: Clock
  mailTokens: MailTokenStore
  takeMailSlot: MailCap
  enqueueMail: EnqueueMail
  endSessions: EndSessions
  record: Audit
  issuer: string
}
