import { hmacSha256, sha256 } from '../lib/secrets.ts'
import type { StoredEvent } from './event-row.ts'

/** An event and the digest that it had when it was sealed. */
export type SealedEvent = { eventId: string; digest: Uint8Array }

/** What the hash of a seal is made of, apart from its events. */
export type SealHead = {
  number: number
  sealedAt: Date
  completeTo: Date
  previousHash: Uint8Array
}

/** In the place of a previous hash, before the first seal. */
export const GENESIS = new Uint8Array(32)

/**
 * SHA-256 of all that an event's row says. The address goes in as it lies there, sealed, so that erasing a
 * person changes nothing. Only what is set goes in, by name: a column that is added later changes no
 * digest of the rows before it.
 */
export function eventDigest(event: StoredEvent): Buffer {
  const fields = Object.entries(event)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, canonical(value)])
  return sha256(JSON.stringify(byName(fields as [string, unknown][])))
}

function canonical(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return byName(Object.entries(value).map(([name, inner]) => [name, canonical(inner)]))
}

/** JSON has no order of names; here it has one. */
function byName(fields: [string, unknown][]): [string, unknown][] {
  return fields.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

/**
 * What links of the chain are keyed with: without it, whoever can write to the database cannot make one.
 * @param dataKey one for `audit`; it seals as well, so this use gets a key of its own from it
 */
export function chainKeyOf(dataKey: Buffer): Buffer {
  return hmacSha256(dataKey, 'latchkey audit chain 1')
}

/**
 * HMAC-SHA-256 over the seal, the one before it, and the digests of its events. Every part has a fixed
 * width, so no two lists read the same.
 * @param events ordered by id
 */
export function sealHash(chainKey: Buffer, head: SealHead, events: SealedEvent[]): Buffer {
  const numbers = [head.number, head.sealedAt.getTime(), head.completeTo.getTime(), events.length]
  const parts = events.flatMap(({ eventId, digest }) => [uuidBytes(eventId), digest])
  return hmacSha256(chainKey, Buffer.concat([...numbers.map(uint64), head.previousHash, ...parts]))
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function uuidBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

/** The smallest id that an event of this time can have: ids are UUIDv7 (RFC 9562 §5.7). */
export function firstIdAt(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}
