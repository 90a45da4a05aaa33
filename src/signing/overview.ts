import type { SigningAlgorithm } from './algorithm.ts'
import {
  isReserve,
  knownFrom,
  nextRotationAt,
  NO_DATE,
  phaseOf,
  ringState,
  type KeyDates,
  type KeyPhase,
  type RotationRules
} from './ring-plan.ts'

type Key = KeyDates & { kid: string; alg: string }

/** A key as operators see it. */
export type KeyView = {
  kid: string
  alg: string
  is: KeyPhase | 'reserve'
  announcedAt: Date
  /** Null: in reserve without a date, or gone from there. */
  activeAt: Date | null
  retiringAt: Date | null
  goneAt: Date | null
}

/** One ring, and what comes next. */
export type RingView = {
  alg: string
  active: KeyView | null
  /** The key after the active one: its date is set, or it stands in reserve. */
  next: KeyView | null
  /** From when on every verifier can know that key. */
  nextKnownAt: Date | null
  rotatesAt: Date | null
}

export function viewKey(key: Key, now: Date): KeyView {
  const { kid, alg, announcedAt, activeAt, retiringAt, goneAt } = key
  return {
    kid,
    alg,
    is: isReserve(key) ? 'reserve' : phaseOf(key, now),
    announcedAt,
    activeAt: activeAt >= NO_DATE ? null : activeAt,
    retiringAt,
    goneAt
  }
}

/** @param keys as Postgres has them, by `activeAt` */
export function viewRings(
  keys: readonly Key[],
  algorithms: readonly SigningAlgorithm[],
  now: Date,
  rules: RotationRules
): RingView[] {
  return algorithms.map((alg) => {
    const state = ringState(
      keys.filter((key) => key.alg === alg),
      now
    )
    const next = state.scheduled ?? state.reserve
    const view = (key: Key | null) => (key === null ? null : viewKey(key, now))
    return {
      alg,
      active: view(state.active),
      next: view(next),
      nextKnownAt: next === null ? null : knownFrom(next.announcedAt, rules.timeline),
      rotatesAt: nextRotationAt(state, rules)
    }
  })
}
