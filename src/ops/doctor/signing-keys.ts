import type { SigningAlgorithm } from '../../signing/algorithm.ts'
import { viewRings, type RingView } from '../../signing/overview.ts'
import type { KeyDates } from '../../signing/ring-plan.ts'
import { rotationRules } from '../../signing/rotation.ts'
import { utcMinute } from '../../lib/utc-text.ts'
import { GIVE_BACK } from './data-keys.ts'
import type { FactsStore } from './facts-store.ts'
import { amount, error, note, ok, warn, type Finding } from './finding.ts'

/** A signing key as Postgres holds it, and whether its private half opens. */
export type HeldSigningKey = KeyDates & { kid: string; alg: string; opens: boolean }

export type SigningKeysSubject = {
  facts: Pick<FactsStore, 'clientAlgorithms'>
  now: Date
  signingKeys: HeldSigningKey[]
  signingAlgorithms: readonly SigningAlgorithm[]
  signingKeyRotationDays: number
}

const SEE_SERVER = 'See that a server runs, and what its log says of signing keys.'
const LOOK = 'npm run keys -- list shows the dates.'

const DAY_MS = 86_400_000
/** A server makes the reserve within seconds; a script may have made the first key long before any ran. */
const RESERVE_PATIENCE_MS = 3_600_000

/** Whether the keys change by themselves as they should. */
export async function lookAtSigningKeys(subject: SigningKeysSubject): Promise<Finding[]> {
  const { signingKeys, now, signingAlgorithms, signingKeyRotationDays: days } = subject
  if (signingKeys.length === 0) return [ok('None yet: the first start makes one.')]
  const closed = signingKeys.filter(({ opens }) => !opens)
  const findings: Finding[] = []
  if (closed.length > 0) {
    const says = `${amount(closed.length, 'signing key')} of ${signingKeys.length} cannot be opened.`
    findings.push(error(says, GIVE_BACK))
  }
  for (const ring of viewRings(signingKeys, signingAlgorithms, now, rotationRules(days))) {
    findings.push(lookAtActive(ring, days, now), ...lookAtNext(ring, now))
  }
  if (days === 0) {
    const todo = 'Rotate by hand: npm run keys -- rotate.'
    findings.push(note('SIGNING_KEY_ROTATION_DAYS is 0: no key changes by itself.', todo))
  }
  return [...findings, ...(await lookAtChoices(subject))]
}

function lookAtActive({ alg, active }: RingView, days: number, now: Date): Finding {
  if (active?.activeAt == null) {
    const says = `No key of ${alg} is active${alg === 'RS256' ? ': nobody can log in' : ''}.`
    return error(says, `Start a server: it mends that. ${LOOK}`)
  }
  const says = `${active.kid} (${alg}) signs since ${utcMinute(active.activeAt)}`
  const ageMs = now.getTime() - active.activeAt.getTime()
  if (days > 0 && ageMs > 2 * days * DAY_MS) {
    return error(`${says}: more than twice SIGNING_KEY_ROTATION_DAYS.`, SEE_SERVER)
  }
  return ok(`${says}.`)
}

function lookAtNext({ alg, active, next, rotatesAt }: RingView, now: Date): Finding[] {
  if (active?.activeAt == null) return []
  if (next === null) {
    const isYoung = now.getTime() - active.announcedAt.getTime() < RESERVE_PATIENCE_MS
    const says = `No key of ${alg} stands in reserve.`
    return [
      isYoung ? note(says, 'A running server makes one within seconds.') : warn(says, SEE_SERVER)
    ]
  }
  if (rotatesAt === null) return [ok(`${next.kid} (${alg}) stands in reserve.`)]
  if (now.getTime() - rotatesAt.getTime() > DAY_MS) {
    return [warn(`The rotation of ${alg} is due since ${utcMinute(rotatesAt)}.`, SEE_SERVER)]
  }
  return [ok(`${next.kid} (${alg}) signs from ${utcMinute(rotatesAt)} on.`)]
}

/** What clients were promised. */
async function lookAtChoices({ facts, signingAlgorithms }: SigningKeysSubject): Promise<Finding[]> {
  const chosen = await facts.clientAlgorithms()
  const missing = chosen.filter(({ alg }) => !signingAlgorithms.some((one) => one === alg))
  return missing.map(({ alg, clients }) =>
    warn(
      `${amount(clients, 'client')} chose ${alg}, which SIGNING_ALGORITHMS does not name: RS256 signs for them.`,
      `Name ${alg} again, or change those clients.`
    )
  )
}
