import type { DataKeys } from '../platform/keys/data-keys.ts'
import { tryLockForTransaction } from '../platform/locks.ts'
import type { Connection, Postgres } from '../platform/postgres.ts'
import { chainKeyOf, eventDigest, firstIdAt, GENESIS, sealHash } from './chain.ts'
import { EVENT_COLUMNS, type StoredEvent } from './event-row.ts'

/** Events in one seal at most: its transaction takes a fraction of a second. */
const BATCH_EVENTS = 1_000
/**
 * How long after its own time an event may become visible and is still taken for a late commit. A
 * transaction ends within 5 s, but its commit may wait for a standby; what comes later than this into a
 * time that was sealed is taken for forged.
 */
const LATE_SECONDS = 600
/** A server tells Postgres' time from memory and may be a little ahead of it. */
const AHEAD_SECONDS = 60

/** A batch that was just sealed. */
export type Sealed = { number: number; count: number; hash: Buffer; isFull: boolean }

type Head = { number: number; completeTo: Date; hash: Uint8Array }

export type SealStoreDeps = { postgres: Postgres; dataKeys: DataKeys }

/**
 * Seals events in batches, behind the back of those who write them.
 *
 * An event's id and time are made before its transaction commits, and transactions commit in any order. So
 * "all up to here" is never true for long, and a seal does not say that: which events a seal covers is
 * written down one by one, and a round takes whatever is visible and in no seal yet. A late commit goes
 * into a later seal than its neighbours, and nothing is wrong with that.
 *
 * It must not make room for rows that somebody puts into the past. Each seal says up to which time
 * everything visible was sealed (`completeTo`); an event that is more than ten minutes older than that
 * and in no seal is never sealed, and the check names it. An event whose id and time disagree, neither.
 */
export function createSealStore({ postgres, dataKeys }: SealStoreDeps) {
  /**
   * Seals the next batch.
   * @returns null when nothing waits or another server is at it
   */
  async function sealNext(): Promise<Sealed | null> {
    return postgres.hotTransaction(async (tx) => {
      if (!(await tryLockForTransaction(tx, 'audit_seal'))) return null
      const [previous = null] = await tx.query<Head>(FIND_LAST, [])
      const now = await timeOf(tx)
      const events = await tx.query<StoredEvent>(FIND_UNSEALED, [
        firstIdAt(lateBefore(previous, now)),
        new Date(now.getTime() + AHEAD_SECONDS * 1_000)
      ])
      const last = events.at(-1)
      if (last === undefined) return null
      const isFull = events.length === BATCH_EVENTS
      const completeTo = reach(previous, isFull ? last.at : now, now)
      return { ...(await seal(tx, previous, { sealedAt: now, completeTo }, events)), isFull }
    })
  }

  async function seal(
    tx: Connection,
    previous: Head | null,
    times: { sealedAt: Date; completeTo: Date },
    events: StoredEvent[]
  ): Promise<Omit<Sealed, 'isFull'>> {
    const number = (previous?.number ?? 0) + 1
    const previousHash = previous?.hash ?? GENESIS
    const key = dataKeys.activeAt('audit', times.sealedAt)
    const sealed = events.map((event) => ({ eventId: event.id, digest: eventDigest(event) }))
    const hash = sealHash(chainKeyOf(key.key), { number, previousHash, ...times }, sealed)
    const count = sealed.length
    const { sealedAt, completeTo } = times
    await tx.query(SEAL, [number, sealedAt, completeTo, count, key.id, previousHash, hash])
    const digests = sealed.map(({ digest }) => digest)
    await tx.query(COVER, [sealed.map(({ eventId }) => eventId), number, digests])
    return { number, count, hash }
  }

  return { sealNext }
}

/** Before this, what is in no seal has come too late. Should Postgres' clock have been put back, it decides. */
export function lateBefore(previous: Pick<Head, 'completeTo'> | null, now: Date): Date {
  if (previous === null) return new Date(0)
  return new Date(Math.min(previous.completeTo.getTime(), now.getTime()) - LATE_SECONDS * 1_000)
}

/** Late commits that fill a batch move the line back no more than a clock that was put back does. */
function reach(previous: Head | null, sealedTo: Date, now: Date): Date {
  const farthest = Math.max(previous?.completeTo.getTime() ?? 0, sealedTo.getTime())
  return new Date(Math.min(now.getTime(), farthest))
}

/** An id that says another time than the row was never made by {@link createAudit}. */
const SAYS_ITS_TIME = `
  floor(extract(epoch FROM e.at) * 1000)::bigint
    = ('x' || left(replace(e.id::text, '-', ''), 12))::bit(48)::bigint`

const FIND_LAST = {
  name: 'audit_seal_last',
  text: `
    SELECT number, complete_to AS "completeTo", hash FROM audit_seal ORDER BY number DESC LIMIT 1`
}

/** The bound stands twice: whichever way Postgres joins them, it reads neither table from its beginning. */
const FIND_UNSEALED = {
  name: 'audit_seal_next',
  text: `
    SELECT ${EVENT_COLUMNS} FROM audit_event e
     WHERE e.id >= $1::uuid AND e.at <= $2::timestamptz AND ${SAYS_ITS_TIME}
       AND NOT EXISTS (SELECT FROM audit_sealed_event s WHERE s.event_id = e.id AND s.event_id >= $1::uuid)
     ORDER BY e.id LIMIT ${BATCH_EVENTS}`
}

const SEAL = {
  name: 'audit_seal_add',
  text: `
    INSERT INTO audit_seal (number, sealed_at, complete_to, count, key_id, previous_hash, hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7)`
}

const COVER = {
  name: 'audit_seal_cover',
  text: `
    INSERT INTO audit_sealed_event (event_id, seal, digest)
    SELECT id, $2::int, digest FROM unnest($1::uuid[], $3::bytea[]) AS sealed (id, digest)`
}

const TIME = {
  name: 'audit_seal_time',
  text: `SELECT date_trunc('milliseconds', latchkey_now()) AS now`
}

async function timeOf(tx: Connection): Promise<Date> {
  const [row] = await tx.query<{ now: Date }>(TIME, [])
  return row?.now ?? new Date(0)
}
