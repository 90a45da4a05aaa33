import type { ChainReport } from '../../audit/chain-check.ts'
import type { DataKeyState } from '../../platform/keys/data-keys.ts'
import type { RowsLeft } from '../data-keys/rows-left-store.ts'
import { lookAtAuditMonths } from './audit-months.ts'
import { lookAtChain } from './chain.ts'
import { lookAtDataKeys, lookAtKeyChange, lookAtRowsLeft } from './data-keys.ts'
import type { FactsStore } from './facts-store.ts'
import { amount, duration, note, ok, warn, type Check, type Finding } from './finding.ts'
import { lookAtSigningKeys, type SigningKeysSubject } from './signing-keys.ts'

/** What a migrated database holds. */
export type HoldingsSubject = SigningKeysSubject & {
  facts: FactsStore
  keys: DataKeyState
  /** Rows under data keys that are not the active ones. */
  countRowsLeft: () => Promise<RowsLeft[]>
  checkChain: () => Promise<ChainReport>
  /** A head from the log, and whether the chain holds it; null where none was asked for. */
  findHead: () => Promise<boolean | null>
}

export const HOLDINGS: readonly Check<HoldingsSubject>[] = [
  { name: 'keys', look: lookAtDataKeys },
  { name: 'keys', look: lookAtKeyChange },
  { name: 'keys', look: lookAtRowsLeft },
  { name: 'signing keys', look: lookAtSigningKeys },
  { name: 'audit trail', look: lookAtChain },
  { name: 'audit months', look: lookAtAuditMonths },
  { name: 'outbox', look: lookAtOutbox },
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

async function lookAtPasswords({ facts }: HoldingsSubject): Promise<Finding[]> {
  const foreign = await facts.foreignHashes()
  if (foreign === 0) return [ok('All are hashed with argon2id.')]
  const says = `${amount(foreign, 'password')} still in a foreign hash.`
  return [note(says, 'Each is replaced at its next login.')]
}
