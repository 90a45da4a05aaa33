import { PURGE_RULES } from '../purge-rules.ts'
import { lookAtAuditMonths } from './audit-months.ts'
import { lookAtChain, type ChainSubject } from './chain.ts'
import {
  lookAtDataKeys,
  lookAtKeyChange,
  lookAtRowsLeft,
  type DataKeysSubject
} from './data-keys.ts'
import type { FactsStore } from './facts-store.ts'
import { amount, duration, note, ok, warn, type Check, type Finding } from './finding.ts'
import { lookAtSigningKeys, type SigningKeysSubject } from './signing-keys.ts'

/** What a migrated database holds. */
export type HoldingsSubject = DataKeysSubject &
  SigningKeysSubject &
  ChainSubject & { facts: FactsStore }

export const HOLDINGS: readonly Check<HoldingsSubject>[] = [
  { name: 'keys', look: lookAtDataKeys },
  { name: 'keys', look: lookAtKeyChange },
  { name: 'keys', look: lookAtRowsLeft },
  { name: 'signing keys', look: lookAtSigningKeys },
  { name: 'audit trail', look: lookAtChain },
  { name: 'audit months', look: lookAtAuditMonths },
  { name: 'outbox', look: lookAtOutbox },
  { name: 'webhooks', look: lookAtWebhooks },
  { name: 'purge', look: lookAtPurge },
  { name: 'passwords', look: lookAtPasswords }
]

const LATE_MAIL_SECONDS = 300

async function lookAtOutbox({ facts }: HoldingsSubject): Promise<Finding[]> {
  const { waiting, oldestSeconds, parked, lastError } = await facts.outbox()
  const findings: Finding[] = []
  if (parked > 0) {
    findings.push(
      warn(
        `${amount(parked, 'message')} expired unsent or was refused for good in the last day.`,
        'See why the mail server did not take them; people ask for new ones themselves.'
      )
    )
  }
  if (oldestSeconds !== null && oldestSeconds > LATE_MAIL_SECONDS) {
    const why = lastError === null ? '' : `, last answer ${lastError}`
    const says = `${amount(waiting, 'message')} unsent, the oldest for ${duration(oldestSeconds)}${why}.`
    findings.push(warn(says, 'See that a server runs and that the mail server takes its mail.'))
  }
  return findings.length > 0 ? findings : [ok(`${amount(waiting, 'message')} waiting, none late.`)]
}

const LATE_WEBHOOK_SECONDS = 3_600

async function lookAtWebhooks({ facts }: HoldingsSubject): Promise<Finding[]> {
  const { waiting, oldestSeconds, parked, lastError } = await facts.webhooks()
  const findings: Finding[] = []
  if (parked > 0) {
    const says = `${amount(parked, 'webhook delivery', 'webhook deliveries')} given up in the last day.`
    const todo = 'GET /admin/webhooks says which receiver; replay them once it is back.'
    findings.push(warn(says, todo))
  }
  if (oldestSeconds !== null && oldestSeconds > LATE_WEBHOOK_SECONDS) {
    const why = lastError === null ? '' : `, last answer ${lastError}`
    const count = amount(waiting, 'webhook delivery', 'webhook deliveries')
    const says = `${count} waiting, the oldest for ${duration(oldestSeconds)}${why}.`
    findings.push(warn(says, 'See that a server runs and that the receiver answers.'))
  }
  return findings.length > 0
    ? findings
    : [ok(`${amount(waiting, 'delivery', 'deliveries')} waiting, none late.`)]
}

/** Servers delete every 10 minutes by default, one at a time. */
const LATE_PURGE_SECONDS = 86_400

async function lookAtPurge({ facts }: HoldingsSubject): Promise<Finding[]> {
  const late: string[] = []
  for (const rule of PURGE_RULES) {
    const seconds = await facts.overdueSeconds(rule)
    if (seconds !== null && seconds > LATE_PURGE_SECONDS) late.push(rule.table)
  }
  if (late.length === 0) return [ok('Nothing that has expired is left lying.')]
  const says = `Rows that should be gone for a day are still there: ${[...new Set(late)].join(', ')}.`
  return [warn(says, 'Start a server: it deletes in the background. Its log says what fails.')]
}

async function lookAtPasswords({ facts }: HoldingsSubject): Promise<Finding[]> {
  const foreign = await facts.foreignHashes()
  if (foreign === 0) return [ok('All are hashed with argon2id.')]
  const says = `${amount(foreign, 'password')} still in a foreign hash.`
  return [note(says, 'Each is replaced at its next login.')]
}
