import type { Transaction } from '../platform/postgres.ts'
import type { SigningAlgorithm } from './algorithm.ts'
import { ringOf, type SigningKeyRow } from './key-store.ts'
import { addSeconds, NO_DATE, phaseOf, type RingState } from './ring-plan.ts'
import type { NewSigningKey } from './sealed-key.ts'
import type { Timeline } from './timeline.ts'

/** A key that takes over: from `activeAt` on it signs, and `previous` only verifies, until `goneAt`. */
export type Handover = {
  alg: SigningAlgorithm
  kid: string
  activeAt: Date
  previous: string | null
  goneAt: Date
}

/** From `activeAt` on `next` signs; the others are published for as long as what they have signed lives. */
export async function handOver(
  tx: Transaction,
  { active, scheduled }: RingState<SigningKeyRow>,
  { kid, alg }: Pick<NewSigningKey, 'kid' | 'alg'>,
  activeAt: Date,
  timeline: Timeline
): Promise<Handover> {
  const goneAt = addSeconds(activeAt, timeline.retireSeconds)
  await tx.signingKey.updateMany({
    where: {
      alg,
      kid: { not: kid },
      activeAt: { lt: NO_DATE },
      OR: [{ goneAt: null }, { goneAt: { gt: goneAt } }]
    },
    data: { retiringAt: activeAt, goneAt }
  })
  await tx.signingKey.update({ where: { kid }, data: { activeAt } })
  return { alg, kid, activeAt, previous: (scheduled ?? active)?.kid ?? null, goneAt }
}

/** @returns the keys that were not gone, which are from `at` on */
export async function dropRing(
  tx: Transaction,
  alg: string,
  now: Date,
  at: Date
): Promise<string[]> {
  const live = (await ringOf(tx, alg)).filter((row) => phaseOf(row, now) !== 'gone')
  const dropped = live.map(({ kid }) => kid)
  await tx.signingKey.updateMany({
    where: { kid: { in: dropped } },
    data: { retiringAt: at, goneAt: at }
  })
  // Whoever has the keys of today may have those of before: hints by them are believed no more, either.
  await tx.$executeRaw`
    UPDATE signing_key SET retiring_at = gone_at
     WHERE alg = ${alg} AND gone_at <= ${now} AND retiring_at < gone_at`
  return dropped
}
