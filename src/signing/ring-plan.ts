import type { Timeline } from './timeline.ts'

/** What a key's phase follows from. */
export type KeyDates = {
  announcedAt: Date
  activeAt: Date
  retiringAt: Date | null
  goneAt: Date | null
}

export type KeyPhase = 'announced' | 'active' | 'retiring' | 'gone'

/** What a key is for at `now`: announced and not signing yet, signing, only published, or no more. */
export function phaseOf(
  key: Pick<KeyDates, 'activeAt' | 'retiringAt' | 'goneAt'>,
  now: Date
): KeyPhase {
  if (key.goneAt !== null && key.goneAt <= now) return 'gone'
  if (key.retiringAt !== null && key.retiringAt <= now) return 'retiring'
  return key.activeAt <= now ? 'active' : 'announced'
}

/** When the reserve signs: not before somebody gives it a date. Every release takes it for announced. */
export const NO_DATE = new Date('9999-12-31T00:00:00Z')

export function isReserve({ activeAt, goneAt }: KeyDates): boolean {
  return goneAt === null && activeAt >= NO_DATE
}

export type RotationRules = {
  timeline: Timeline
  /** Seconds that a key signs before the next one does; null: nobody rotates by itself. */
  periodSeconds: number | null
}

/** A ring is the keys of one algorithm. */
export type RingState<Key extends KeyDates> = {
  active: Key | null
  /** The next one, where its date is set already. */
  scheduled: Key | null
  /** Published for whenever it is needed. */
  reserve: Key | null
}

/** @param keys of one ring, by `activeAt` */
export function ringState<Key extends KeyDates>(keys: readonly Key[], now: Date): RingState<Key> {
  const announced = keys.filter((key) => phaseOf(key, now) === 'announced')
  const isNext = (key: Key) => !isReserve(key) && key.retiringAt === null
  return {
    active: keys.findLast((key) => phaseOf(key, now) === 'active') ?? null,
    scheduled: announced.findLast(isNext) ?? null,
    reserve: announced.find(isReserve) ?? null
  }
}

/** What is to be done now: nothing, a new reserve, or the next key signs (and a new reserve). */
export type RingStep = 'none' | 'reserve' | 'rotate'

/** What keeps a ring as it has to be, whenever it is asked and whatever was done or left undone before. */
export function nextStep(state: RingState<KeyDates>, now: Date, rules: RotationRules): RingStep {
  const { active, scheduled, reserve } = state
  // Nothing signs: nobody can log in. A key that a few verifiers do not know yet is better than none.
  if (active === null && scheduled === null) return 'rotate'
  if (reserve === null) return 'reserve'
  if (scheduled !== null) return 'none'
  const dueAt = nextRotationAt(state, rules)
  return dueAt !== null && dueAt <= now ? 'rotate' : 'none'
}

/** When the key after the active one signs; null: not before somebody says so. */
export function nextRotationAt(
  { active, scheduled, reserve }: RingState<KeyDates>,
  { timeline, periodSeconds }: RotationRules
): Date | null {
  if (scheduled !== null) return scheduled.activeAt
  if (active === null || periodSeconds === null) return null
  const dueAt = addSeconds(active.activeAt, periodSeconds)
  const knownAt = reserve === null ? dueAt : knownFrom(reserve.announcedAt, timeline)
  return knownAt > dueAt ? knownAt : dueAt
}

/** From when on every verifier can know the key. */
export function knownFrom(announcedAt: Date, { announceSeconds }: Timeline): Date {
  return addSeconds(announcedAt, announceSeconds)
}

export function addSeconds(at: Date, seconds: number): Date {
  return new Date(at.getTime() + seconds * 1_000)
}
