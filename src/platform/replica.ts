import { setTimeout as delay } from 'node:timers/promises'
import type { Metrics } from './metrics.ts'
import { openPostgres, type Postgres } from './postgres.ts'

/** Reads that decide nothing: what people are shown, from a replica where there is one. */
export type Reader = Pick<Postgres, 'read' | 'query'>

export type ReplicaDeps = {
  primary: Postgres
  /** Undefined where there is none. */
  replicaUrl: string | undefined
  poolSize: number
  namedStatements: boolean
  metrics: Metrics
  onFault: (error: unknown) => void
}

/** A standby that streams is milliseconds behind; an administrator waits this long for it, and no longer. */
const WAIT_MS = 500
const LOOK_EVERY_MS = 20
/** A replica that was away or behind is left alone for so long: only the first who asks waits for it. */
const REST_MS = 10_000

const PRIMARY_POSITION = {
  name: 'primary_position',
  text: 'SELECT pg_current_wal_flush_lsn()::text AS position'
}
/** A server that is no standby (any more) has a history of its own: it is not asked. */
const REACHED = {
  name: 'replica_reached',
  text: `SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1::pg_lsn AS "hasReached"`
}

/**
 * Reads from a streaming standby whatever needs no more than the state when it was asked for: everything that
 * the primary had committed by then is in the answer, so an administrator sees what they have just done. Where
 * the standby is away or has not come so far within half a second, the primary answers.
 */
export function openReplica(deps: ReplicaDeps): Reader & { close: () => Promise<void> } {
  const { primary, replicaUrl, poolSize, namedStatements, metrics, onFault } = deps
  if (replicaUrl === undefined) {
    return { read: primary.read, query: primary.query, close: () => Promise.resolve() }
  }
  const replica = openPostgres({ databaseUrl: replicaUrl, poolSize, namedStatements })
  const answered = metrics.counter('replica_reads_total', 'Reads meant for the replica', ['server'])
  let restsUntilMs = Number.NEGATIVE_INFINITY
  let isInDoubt = false

  async function ask<T>(work: (server: Reader) => Promise<T>): Promise<T> {
    if (performance.now() >= restsUntilMs) {
      // After a fault only the first asks and waits; the others have their answer from the primary meanwhile.
      if (isInDoubt) restsUntilMs = performance.now() + REST_MS
      const position = await positionOf(primary)
      try {
        // A frozen one does not answer at all: its connection would take longer to give up.
        if (await Promise.race([reaches(replica, position), delay(WAIT_MS, false)])) {
          isInDoubt = false
          restsUntilMs = Number.NEGATIVE_INFINITY
          const found = await work(replica)
          answered.inc({ server: 'replica' })
          return found
        }
        onFault(new Error('The replica of DATABASE_REPLICA_URL is behind; the primary answers.'))
      } catch (error) {
        onFault(error)
      }
      isInDoubt = true
      restsUntilMs = performance.now() + REST_MS
    }
    answered.inc({ server: 'primary' })
    return work(primary)
  }

  return {
    read: (work) => ask((server) => server.read(work)),
    query: (statement, values) => ask((server) => server.query(statement, values)),
    close: replica.close
  }
}

async function positionOf(primary: Postgres): Promise<string> {
  const [row] = await primary.query<{ position: string }>(PRIMARY_POSITION, [])
  if (row === undefined) throw new Error('A position gives one row.')
  return row.position
}

async function reaches(replica: Postgres, position: string): Promise<boolean> {
  const startedAtMs = performance.now()
  for (;;) {
    const [row] = await replica.query<{ hasReached: boolean }>(REACHED, [position])
    if (row?.hasReached === true) return true
    if (performance.now() - startedAtMs > WAIT_MS) return false
    await delay(LOOK_EVERY_MS)
  }
}
