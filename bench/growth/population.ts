import { createHash } from 'node:crypto'

/** How many of what, and as of when: everything else of a grown database follows from these. */
export type Population = { users: number; sessions: number; events: number; asOfMs: number }

/** The grown database is scale 1. */
export function populationOf(scale: number, asOfMs: number): Population {
  const of = (count: number) => Math.max(1_000, Math.round(count * scale))
  return { users: of(5_000_000), sessions: of(10_000_000), events: of(50_000_000), asOfMs }
}

/** As many in any database: there are no more of them where there are more people. */
export const ADMINISTRATORS = 50
export const PASSWORD = 'sparrow-lantern-42-quartz'
const DAY_MS = 86_400_000
/** People came over three years, events are kept for two, sessions are kept for 60 days. */
export const SPAN_MS = { users: 1_095 * DAY_MS, sessions: 58 * DAY_MS, events: 730 * DAY_MS }
/** Younger sessions live: 30 days of their own, and 14 since the last use. */
const LIVE_MS = 28 * DAY_MS
/** Every so many sessions one was ended by its person. */
export const REVOKED_EACH = 20

/** The id of the n-th of `count`, evenly over the time before; {@link idInSql} gives the same. */
function idAt(kind: keyof typeof SPAN_MS, n: number, count: number, asOfMs: number): string {
  const ms = asOfMs - SPAN_MS[kind] + Math.floor((n * SPAN_MS[kind]) / count)
  const noise = createHash('md5').update(`${kind}${n}`).digest('hex')
  const hex = `${ms.toString(16).padStart(12, '0')}7${noise.slice(13, 16)}8${noise.slice(17)}`
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

export const userIdOf = (n: number, { users, asOfMs }: Population) =>
  idAt('users', n, users, asOfMs)
export const sessionIdOf = (n: number, { sessions, asOfMs }: Population) =>
  idAt('sessions', n, sessions, asOfMs)
export const emailOf = (n: number) => `person-${n}@example.com`

/** The secret of any session: whoever knows the refresh key can go on with each of them. */
export const secretOf = (sessionId: string): Buffer =>
  createHash('sha256').update(sessionId).digest()

/** Numbers of sessions that can be refreshed, at random. */
export function someLiveSession({ sessions }: Population): number {
  const oldest = Math.ceil(sessions * (1 - LIVE_MS / SPAN_MS.sessions))
  for (;;) {
    const n = oldest + Math.floor(Math.random() * (sessions - oldest))
    if (n % REVOKED_EACH !== 0) return n
  }
}

/** For one connection: `pg_temp.growth_ms` and `pg_temp.growth_id`, as above. */
export function idInSql({ asOfMs }: Population): string {
  return `
    CREATE FUNCTION pg_temp.growth_ms(n bigint, count bigint, span bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
      $$ SELECT ${asOfMs}::bigint - span + n * span / count $$;
    CREATE FUNCTION pg_temp.growth_id(kind text, n bigint, ms bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
      $$ SELECT overlay(overlay(md5(kind || n::text) PLACING lpad(to_hex(ms), 12, '0') || '7' FROM 1) PLACING '8' FROM 17)::uuid $$`
}
