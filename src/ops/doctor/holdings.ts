import type { ChainReport } from '../../audit/chain-check.ts'
import { KEY_PURPOSES, type DataKeyState } from '../../platform/keys/data-keys.ts'
import { phaseOf, type KeyPhase } from '../../signing/key-ring.ts'
import { lookAtAuditMonths } from './audit-months.ts'
import { lookAtChain } from './chain.ts'
import type { FactsStore } from './facts-store.ts'
import { amount, duration, error, note, ok, warn, type Check, type Finding } from './finding.ts'

/** A signing key as Postgres holds it, and whether its private half opens. */
export type HeldSigningKey = {
  kid: string
  activeAt: Date
  retiringAt: Date | null
  goneAt: Date | null
  opens: boolean
}

/** What a migrated database holds. */
export type HoldingsSubject = {
  facts: FactsStore
  now: Date
  keys: DataKeyState
  signingKeys: HeldSigningKey[]
  checkChain: () => Promise<ChainReport>
  /** A head from the log, and whether the chain holds it; null where none was asked for. */
  findHead: () => Promise<boolean | null>
}

export const HOLDINGS: readonly Check<HoldingsSubject>[] = [
  { name: 'keys', look: lookAtDataKeys },
  { name: 'signing keys', look: lookAtSigningKeys },
  { name: 'audit trail', look: lookAtChain },
  { name: 'audit months', look: lookAtAuditMonths },
  { name: 'outbox', look: lookAtOutbox },
  { name: 'passwords', look: lookAtPasswords }
]

const GIVE_BACK =
  'Give back the KEY_ENCRYPTION_KEY (or KEYS_DIR) that was used with this database: no other opens them.'

function lookAtDataKeys({ keys }: HoldingsSubject): Promise<Finding[]> {
  const { hasKeyEncryptionKey, rows } = keys
  const closed = rows.filter(({ opens }) => !opens)
  const found = (): Finding[] => {
    if (rows.length === 0) return [ok('None yet: the first start makes them.')]
    if (!hasKeyEncryptionKey) {
      const says = `There is no key-encryption key, and ${amount(rows.length, 'data key')} sealed with one.`
      return [error(says, GIVE_BACK)]
    }
    if (closed.length > 0) {
      const purposes = [...new Set(closed.map(({ purpose }) => purpose))].join(', ')
      const says = `The key-encryption key does not open ${amount(closed.length, 'data key')} of ${rows.length} (${purposes}).`
      return [error(says, GIVE_BACK)]
    }
    const missing = KEY_PURPOSES.filter((purpose) => !rows.some((row) => row.purpose === purpose))
    if (missing.length > 0) {
      const says = `There is no data key for ${missing.join(', ')}.`
      return [note(says, 'The next start of a server makes it.')]
    }
    return [ok(`The key-encryption key opens all ${amount(rows.length, 'data key')}.`)]
  }
  return Promise.resolve(found())
}

function lookAtSigningKeys({ signingKeys, now }: HoldingsSubject): Promise<Finding[]> {
  const inPhase = (phase: KeyPhase) => signingKeys.filter((key) => phaseOf(key, now) === phase)
  const [active, announced] = [inPhase('active'), inPhase('announced')]
  const closed = signingKeys.filter(({ opens }) => !opens)
  const findings: Finding[] = []
  if (closed.length > 0) {
    const says = `${amount(closed.length, 'signing key')} of ${signingKeys.length} cannot be opened.`
    findings.push(error(says, GIVE_BACK))
  }
  const newest = active.at(-1)
  if (signingKeys.length === 0) {
    findings.push(ok('None yet: the first start makes one.'))
  } else if (newest === undefined) {
    const todo = 'Start a server, or run npm run keys -- list to see the dates.'
    findings.push(error('No key is active: nobody can log in.', todo))
  } else {
    findings.push(ok(`${newest.kid} signs since ${day(newest.activeAt)}.`))
  }
  const next = announced.at(0)
  if (next !== undefined) {
    findings.push(ok(`${next.kid} stands in reserve and signs from ${day(next.activeAt)} on.`))
  } else if (newest !== undefined) {
    const todo =
      'npm run keys -- import FILE adds one: published now, so that every verifier knows it in time.'
    findings.push(note('No announced key stands in reserve.', todo))
  }
  return Promise.resolve(findings)
}

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

const day = (at: Date) => at.toISOString().slice(0, 16).replace('T', ' ')
