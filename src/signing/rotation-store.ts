import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { lockForTransaction } from '../platform/locks.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { SigningAlgorithm } from './algorithm.ts'
import { algorithmsOf, insertKey, ringOf, timeOf } from './key-store.ts'
import { dropRing, handOver, type Handover } from './ring-change-store.ts'
import {
  addSeconds,
  knownFrom,
  nextStep,
  NO_DATE,
  ringState,
  type RotationRules
} from './ring-plan.ts'
import type { NewSigningKey } from './sealed-key.ts'
import type { Timeline } from './timeline.ts'

export type AdvanceOutcome =
  | { kind: 'none' }
  | { kind: 'reserved'; alg: SigningAlgorithm; kid: string }
  | ({ kind: 'rotated' } & Handover)

export type RotateOutcome =
  | ({ kind: 'rotated' } & Handover)
  /** The one before is not due yet. */
  | { kind: 'under_way'; alg: SigningAlgorithm; kid: string; activeAt: Date }

/** What an emergency left of a ring. One that SIGNING_ALGORITHMS does not name gets no new keys. */
export type Replacement = { at: Date; dropped: string[] } & (
  | { alg: SigningAlgorithm; active: string; reserve: string }
  | { alg: string; active: null; reserve: null }
)

/** Two new keys of a ring. */
export type FreshKeys = { active: NewSigningKey; reserve: NewSigningKey }

export type RotationStore = ReturnType<typeof createRotationStore>

export type RotationStoreDeps = { postgres: Postgres; record: Audit }

/**
 * What changes the rings. Each verb is one transaction under one lock, judged by Postgres' clock, and looks at
 * what is there first: of any number of servers one does it, and after a crash it was done or was not.
 */
export function createRotationStore({ postgres, record }: RotationStoreDeps) {
  /** Does what is due in the ring of `fresh`, which becomes its reserve if one is wanted. */
  async function advance(fresh: NewSigningKey, rules: RotationRules): Promise<AdvanceOutcome> {
    const { alg } = fresh
    return locked(async (tx, now) => {
      const state = ringState(await ringOf(tx, alg), now)
      const step = nextStep(state, now, rules)
      if (step === 'none') return { kind: 'none' }
      await insertKey(tx, fresh, now, NO_DATE)
      if (step === 'reserve') return { kind: 'reserved', alg, kid: fresh.kid }
      // Without a reserve the fresh key signs at once, and the next round makes the reserve.
      const next = state.reserve ?? fresh
      const handover = await handOver(tx, state, { kid: next.kid, alg }, now, rules.timeline)
      const reason = state.active === null ? 'nothing_signed' : 'due'
      await tell(tx, handover, { reason })
      return { kind: 'rotated', ...handover }
    })
  }

  /**
   * The reserve signs as soon as every verifier can know it, which may be now; without one, the first of the
   * fresh keys does after the announce time. A fresh one is the new reserve.
   */
  async function rotate(
    { active, reserve }: FreshKeys,
    timeline: Timeline,
    origin: RequestOrigin
  ): Promise<RotateOutcome> {
    const { alg } = reserve
    return locked(async (tx, now) => {
      const state = ringState(await ringOf(tx, alg), now)
      if (state.scheduled !== null) {
        const { kid, activeAt } = state.scheduled
        return { kind: 'under_way', alg, kid, activeAt }
      }
      if (state.reserve === null) await insertKey(tx, active, now, NO_DATE)
      const next = state.reserve ?? { kid: active.kid, announcedAt: now }
      const knownAt = knownFrom(next.announcedAt, timeline)
      const activeAt = knownAt > now ? knownAt : now
      const handover = await handOver(tx, state, { kid: next.kid, alg }, activeAt, timeline)
      await insertKey(tx, reserve, now, NO_DATE)
      await tell(tx, handover, { reason: 'asked' }, origin)
      return { kind: 'rotated', ...handover }
    })
  }

  /**
   * Drops every key of these rings at one moment, `noticeSeconds` ahead, and puts new ones there. Whatever the old
   * ones signed is refused from then on.
   * @param reach `all` also drops the keys of rings that are not among these: they may be named again one day
   */
  async function replaceAll(
    rings: FreshKeys[],
    reach: 'these' | 'all',
    noticeSeconds: number,
    act: { reason: 'emergency' | 'recovery'; origin: RequestOrigin }
  ): Promise<Replacement[]> {
    return locked(async (tx, now) => {
      const at = addSeconds(now, noticeSeconds)
      const replacements: Replacement[] = []
      for (const { active, reserve } of rings) {
        const { alg } = active
        const dropped = await dropRing(tx, alg, now, at)
        await insertKey(tx, active, now, at)
        await insertKey(tx, reserve, now, NO_DATE)
        replacements.push({ alg, at, dropped, active: active.kid, reserve: reserve.kid })
      }
      const isNamed = (alg: string) => rings.some(({ active }) => active.alg === alg)
      const others = reach === 'all' ? (await algorithmsOf(tx)).filter((alg) => !isNamed(alg)) : []
      for (const alg of others) {
        const dropped = await dropRing(tx, alg, now, at)
        if (dropped.length > 0) replacements.push({ alg, at, dropped, active: null, reserve: null })
      }
      const { reason, origin } = act
      for (const { alg, dropped, active } of replacements) {
        const details = {
          alg,
          reason,
          dropped: dropped.join(' '),
          ...(active !== null && { kid: active })
        }
        await record(tx, { type: 'signing_key.dropped', origin, details })
      }
      return replacements
    })
  }

  /**
   * Adds a key that was made elsewhere: published at once, signing after `timeline.announceSeconds`. From then on
   * those before it only verify, for `timeline.retireSeconds` more. The reserve stays one.
   * @returns false when the ring holds this key already
   */
  async function add(
    key: NewSigningKey,
    timeline: Timeline,
    origin: RequestOrigin
  ): Promise<boolean> {
    return locked(async (tx, now) => {
      if ((await tx.signingKey.count({ where: { kid: key.kid } })) > 0) return false
      const state = ringState(await ringOf(tx, key.alg), now)
      const activeAt = addSeconds(now, timeline.announceSeconds)
      await insertKey(tx, key, now, activeAt)
      const { kid, alg } = await handOver(tx, state, key, activeAt, timeline)
      await record(tx, {
        type: 'signing_key.imported',
        origin,
        details: { alg, kid, active_at: activeAt.toISOString() }
      })
      return true
    })
  }

  async function tell(
    tx: Transaction,
    { alg, kid, previous, activeAt, goneAt }: Handover,
    details: { reason: string },
    origin?: RequestOrigin
  ): Promise<void> {
    await record(tx, {
      type: 'signing_key.rotated',
      ...(origin !== undefined && { origin }),
      details: {
        alg,
        kid,
        ...details,
        active_at: activeAt.toISOString(),
        ...(previous !== null && { previous, gone_at: goneAt.toISOString() })
      }
    })
  }

  async function locked<T>(work: (tx: Transaction, now: Date) => Promise<T>): Promise<T> {
    return postgres.transaction(async (tx) => {
      await lockForTransaction(tx, 'signing_keys')
      return work(tx, await timeOf(tx))
    })
  }

  return { advance, rotate, replaceAll, add }
}
