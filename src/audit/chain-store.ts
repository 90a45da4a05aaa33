import type { AuditSeal } from '../platform/prisma/client.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { SealedEvent } from './chain.ts'
import { EVENT_COLUMNS, type StoredEvent } from './event-row.ts'

/** Some hundred kilobytes at a time: seals with all that they cover, and events. */
const SEALS_PER_PAGE = 50
const EVENTS_PER_PAGE = 20_000

/** An event of a seal; `event` is null where its row is gone. */
export type CoveredEvent = SealedEvent & { seal: number; event: StoredEvent | null }

export type ChainStore = ReturnType<typeof createChainStore>

const COVERED = {
  name: 'audit_covered_events',
  text: `
    SELECT s.seal, s.event_id AS "eventId", s.digest, e.id IS NOT NULL AS "isThere", ${EVENT_COLUMNS}
      FROM audit_sealed_event s LEFT JOIN audit_event e ON e.id = s.event_id
     WHERE s.seal BETWEEN $1 AND $2 ORDER BY s.seal, s.event_id`
}

/** Said to be covered by a seal that there is not, or by one from before those looked at, is not covered. */
const UNSEALED = {
  name: 'audit_unsealed_events',
  text: `
    WITH page AS (SELECT id, at FROM audit_event WHERE id > $1 ORDER BY id LIMIT ${EVENTS_PER_PAGE}),
      unsealed AS (
        SELECT id, at FROM page WHERE NOT EXISTS
          (SELECT FROM audit_sealed_event s JOIN audit_seal c ON c.number = s.seal
            WHERE s.event_id = page.id AND s.seal > $2))
    SELECT (SELECT max(id::text) FROM page) AS "lastId",
           array(SELECT id::text FROM unsealed ORDER BY id) AS ids,
           array(SELECT at FROM unsealed ORDER BY id) AS times`
}

/** The chain as it lies there, read page by page. */
export function createChainStore(postgres: Postgres) {
  async function now(): Promise<Date> {
    const statement = { name: 'audit_chain_now', text: 'SELECT latchkey_now() AS now' }
    const [row] = await postgres.query<{ now: Date }>(statement, [])
    return row?.now ?? new Date(0)
  }

  async function lastSeal(): Promise<AuditSeal | null> {
    return postgres.read((db) => db.auditSeal.findFirst({ orderBy: { number: 'desc' } }))
  }

  /** The newest seal from before a time: what the first one after it must go on from. */
  async function lastSealBefore(at: Date): Promise<AuditSeal | null> {
    return postgres.read((db) =>
      db.auditSeal.findFirst({ where: { sealedAt: { lt: at } }, orderBy: { number: 'desc' } })
    )
  }

  /** The next seals by number. */
  async function sealsAfter(number: number): Promise<AuditSeal[]> {
    return postgres.read((db) =>
      db.auditSeal.findMany({
        where: { number: { gt: number } },
        orderBy: { number: 'asc' },
        take: SEALS_PER_PAGE
      })
    )
  }

  /** What the seals from one number to another cover, by seal. */
  async function coveredBy(first: number, last: number): Promise<Map<number, CoveredEvent[]>> {
    const rows = await postgres.query<
      SealedEvent & { seal: number; isThere: boolean } & StoredEvent
    >(COVERED, [first, last])
    const covered = rows.map(({ seal, eventId, digest, isThere, ...event }) => {
      return { seal, eventId, digest, event: isThere ? event : null }
    })
    return Map.groupBy(covered, ({ seal }) => seal)
  }

  /**
   * Events in no seal, of the next page.
   * @param afterId where the page before ended
   * @param sealsAfter the number of the last seal that does not count
   * @returns null after the last page
   */
  async function unsealedAfter(
    afterId: string,
    sealsAfter: number
  ): Promise<{ lastId: string; events: { id: string; at: Date }[] } | null> {
    const [row] = await postgres.query<{ lastId: string | null; ids: string[]; times: Date[] }>(
      UNSEALED,
      [afterId, sealsAfter]
    )
    if (row === undefined || row.lastId === null) return null
    const { lastId, ids, times } = row
    return { lastId, events: ids.map((id, index) => ({ id, at: times[index] ?? new Date(0) })) }
  }

  /** Whether the chain holds a seal of this hash. */
  async function hasHead(hash: Buffer): Promise<boolean> {
    const where = { hash: new Uint8Array(hash) }
    return (await postgres.read((db) => db.auditSeal.count({ where }))) > 0
  }

  return { now, lastSeal, lastSealBefore, sealsAfter, coveredBy, unsealedAfter, hasHead }
}
