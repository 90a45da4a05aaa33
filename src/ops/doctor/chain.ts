import type { ChainFault, ChainReport } from '../../audit/chain-check.ts'
import type { DataKeyState } from '../../platform/keys/data-keys.ts'
import { amount, error, ok, warn, type Finding } from './finding.ts'

export type ChainSubject = {
  keys: DataKeyState
  checkChain: () => Promise<ChainReport>
  /** A head from the log, and whether the chain holds it; null where none was asked for. */
  findHead: () => Promise<boolean | null>
}

/** How many are named; the count says how many more there are. */
const NAMED = 10
/** Servers seal every 10 s. */
const WAITS_LONG_MS = 300_000

const COMPARE =
  'Somebody went past the triggers: keep this database as it is and compare it with a backup.'

/** What each fault is called, and what to do about it. */
const FAULTS: Record<ChainFault['kind'], { says: (list: string) => string; todo: string }> = {
  removed: { says: (list) => `Sealed events are gone: ${list}.`, todo: COMPARE },
  altered: { says: (list) => `Sealed events were changed: ${list}.`, todo: COMPARE },
  inserted: {
    says: (list) => `Events in no seal are dated into a time that was sealed: ${list}.`,
    todo: `${COMPARE} A commit that a standby held up for more than ten minutes looks the same.`
  },
  seal_altered: { says: (list) => `Seals do not fit what they cover: ${list}.`, todo: COMPARE },
  seal_removed: { says: (list) => `Seals are gone: ${list}.`, todo: COMPARE },
  clock_went_back: {
    says: (list) => `The clock of Postgres was put back before these seals: ${list}.`,
    todo: 'If nobody did that, somebody may have dated events back: read those around it.'
  }
}

/** The audit trail against its seals. */
export async function lookAtChain(subject: ChainSubject): Promise<Finding[]> {
  const { checkChain, findHead, keys } = subject
  if (keys.rows.some(({ purpose, opens }) => purpose === 'audit' && !opens)) {
    return [error('The audit trail cannot be checked without its key.', 'Mend the keys first.')]
  }
  const { seals, events, head, waiting, waitingSince, now, faults } = await checkChain()
  const found: Finding[] = []
  for (const [kind, group] of Map.groupBy(faults, (fault) => fault.kind)) {
    const { says, todo } = FAULTS[kind]
    found.push((kind === 'clock_went_back' ? warn : error)(says(listOf(group)), todo))
  }
  if (waitingSince !== null && now.getTime() - waitingSince.getTime() > WAITS_LONG_MS) {
    const says = `${amount(waiting, 'event')} not sealed yet, the oldest from ${waitingSince.toISOString()}.`
    found.push(warn(says, 'Start a server: it seals in the background.'))
  }
  const isHeadKnown = await findHead()
  if (isHeadKnown === false) {
    found.push(
      error(
        'The head that was given is not in the chain: its end was cut off or replaced.',
        COMPARE
      )
    )
  }
  if (found.length > 0) return found
  const end = head === null ? '' : `; head ${head}`
  const whole = `Whole: ${amount(events, 'event')} in ${amount(seals, 'seal')}, ${waiting} waiting${end}.`
  return [ok(whole), ...(isHeadKnown === true ? [ok('The head that was given is in it.')] : [])]
}

function listOf(faults: ChainFault[]): string {
  const named = faults.slice(0, NAMED).map(({ subject }) => subject)
  const more = faults.length - named.length
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ')
}
