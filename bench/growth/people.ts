import { setTimeout as delay } from 'node:timers/promises'
import { createPasswordHasher } from '../../src/accounts/password-hasher.ts'
import { userPlace } from '../../src/accounts/user.ts'
import { UnavailableError } from '../../src/errors.ts'
import { hex } from '../../src/lib/hex.ts'
import { createMetrics } from '../../src/platform/metrics.ts'
import type { Platform } from '../../src/platform/open-platform.ts'
import { inParallel } from './parallel.ts'
import { ADMINISTRATORS, emailOf, PASSWORD, userIdOf, type Population } from './population.ts'

const PEOPLE_PER_STATEMENT = 2_000

export type PeopleDeps = { databaseUrl: string; sealer: Platform['sealer']; population: Population }

/** Their addresses are sealed and indexed for real, so that each of them can log in; all have one password. */
export async function fillPeople({ databaseUrl, sealer, population }: PeopleDeps): Promise<void> {
  const hasher = await createPasswordHasher({
    memoryKib: 19_456,
    passes: 2,
    concurrency: 1,
    queueLength: 1,
    metrics: createMetrics({ ofProcess: false })
  })
  const passwordHash = await hasher.hash(PASSWORD)
  let next = 0
  await inParallel(databaseUrl, population, async (client) => {
    while (next < population.users) {
      const first = next
      next += PEOPLE_PER_STATEMENT
      const numbers = Array.from(
        { length: Math.min(PEOPLE_PER_STATEMENT, population.users - first) },
        (_, index) => first + index
      )
      const ids = numbers.map((n) => userIdOf(n, population))
      const { indexes, emails, keys } = await onceKnown(() => seal(sealer, first, ids))
      const apart = Math.max(1, Math.floor(population.users / ADMINISTRATORS))
      await client.query(PEOPLE, [numbers, ids, indexes, emails, passwordHash, apart])
      await client.query(AUDIT_KEYS, [ids, keys])
    }
  })
}

const KEY = Buffer.alloc(32, 7)

/** What is kept of an address and of a key, in hex, for people from the n-th on. */
function seal(sealer: Platform['sealer'], first: number, ids: string[]) {
  const sealed = (
    purpose: 'sealing' | 'audit',
    bytes: Buffer,
    place: Parameters<Platform['sealer']['sealBytes']>[2]
  ) => hex(sealer.sealBytes(purpose, bytes, place))
  return {
    indexes: ids.map((_, n) => hex(sealer.emailIndex(emailOf(first + n)).columns.emailIndex)),
    emails: ids.map((id, n) =>
      sealed('sealing', Buffer.from(emailOf(first + n)), userPlace(id, 'email_sealed'))
    ),
    keys: ids.map((row) => sealed('audit', KEY, { table: 'audit_key', column: 'sealed_key', row }))
  }
}

/** A Postgres that is busy with the rest may leave the keys unread for a while: nothing is sealed then. */
async function onceKnown<T>(make: () => T): Promise<T> {
  for (;;) {
    try {
      return make()
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error
      await delay(200)
    }
  }
}

/** One in five has a username, one in a thousand is disabled; $6 says how far apart the administrators are. */
const PEOPLE = `
  WITH person AS (
    SELECT *, to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)::timestamptz(3) AS at
      FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[]) AS person (n, id, email_index, email_sealed)),
    named AS (
      INSERT INTO username (username, holder_id) SELECT 'person' || n, id FROM person WHERE n % 5 = 0)
  INSERT INTO users (id, email_index, email_index_next, email_sealed, email_verified_at, username, password_hash, roles, status,
                     created_at, updated_at)
  SELECT id, decode(email_index, 'hex'), decode(email_index, 'hex'), decode(email_sealed, 'hex'), at, CASE WHEN n % 5 = 0 THEN 'person' || n END,
         $5, CASE WHEN n % $6 = 0 AND n / $6 < ${ADMINISTRATORS} THEN '{admin,user}' ELSE '{user}' END::text[],
         CASE WHEN n % 1000 = 999 THEN 'disabled' ELSE 'active' END::user_status, at, at
    FROM person`

const AUDIT_KEYS = `
  INSERT INTO audit_key (user_id, sealed_key)
  SELECT id, decode(sealed_key, 'hex') FROM unnest($1::uuid[], $2::text[]) AS person (id, sealed_key)`
