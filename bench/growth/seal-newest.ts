import pg from 'pg'
import { chainKeyOf, eventDigest, GENESIS, sealHash } from '../../src/audit/chain.ts'
import { EVENT_COLUMNS, type StoredEvent } from '../../src/audit/event-row.ts'
import type { DataKeys } from '../../src/platform/keys/data-keys.ts'

const NEWEST = 1_000
/**
 * The first seal, over the newest events. Servers go on from it; the older ones stay unsealed, which
 * `npm run doctor` says unless it is told `--since` the time that this gives.
 */
export async function sealNewest(databaseUrl: string, dataKeys: DataKeys): Promise<Date> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    const { rows: newest } = await client.query<StoredEvent>(
      `SELECT * FROM (SELECT ${EVENT_COLUMNS} FROM audit_event e ORDER BY id DESC LIMIT ${NEWEST}) AS newest ORDER BY id`
    )
    const now = new Date()
    const key = dataKeys.activeAt('audit', now)
    const events = newest.map((event) => ({ eventId: event.id, digest: eventDigest(event) }))
    const head = { number: 1, sealedAt: now, completeTo: now, previousHash: GENESIS }
    const hash = sealHash(chainKeyOf(key.key), head, events)
    await client.query(
      `INSERT INTO audit_seal (number, sealed_at, complete_to, count, key_id, previous_hash, hash)
       VALUES (1, $1, $1, $2, $3, $4, $5)`,
      [now, events.length, key.id, Buffer.from(GENESIS), hash]
    )
    await client.query(
      `INSERT INTO audit_sealed_event (event_id, seal, digest)
       SELECT id::uuid, 1, decode(digest, 'hex') FROM unnest($1::text[], $2::text[]) AS sealed (id, digest)`,
      [events.map(({ eventId }) => eventId), events.map(({ digest }) => digest.toString('hex'))]
    )
    return newest[0]?.at ?? now
  } finally {
    await client.end()
  }
}
