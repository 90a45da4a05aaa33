import type { PurgeRule } from '../purge-rules.ts'
import type { Postgres } from '../../platform/postgres.ts'

export type FactsStore = ReturnType<typeof createFactsStore>

const SERVER = {
  name: 'doctor_server',
  text: `
    SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
           current_setting('full_page_writes') AS "fullPageWrites",
           current_setting('synchronous_commit') AS "synchronousCommit",
           current_setting('synchronous_standby_names') AS standbys,
           pg_is_in_recovery() AS "isStandby",
           CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
                THEN (SELECT count(*)::int FROM pg_stat_replication
                       WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')) END AS "inSync",
           current_setting('max_connections')::int AS "maxConnections",
           (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections`
}

const REPLICA = {
  name: 'doctor_replica',
  text: `
    SELECT pg_is_in_recovery() AS "isStandby",
           current_setting('recovery_target_timeline') AS timeline,
           (SELECT system_identifier::text FROM pg_control_system()) = $1 AS "hasSameHistory"`
}

const SYSTEM = {
  name: 'doctor_system',
  text: 'SELECT system_identifier::text AS system FROM pg_control_system()'
}

const OUTBOX = {
  name: 'doctor_outbox',
  text: `
    SELECT count(*) FILTER (WHERE is_open)::int AS waiting,
           extract(epoch FROM latchkey_now() - min(created_at) FILTER (WHERE is_open))::float8 AS "oldestSeconds",
           count(*) FILTER (WHERE parked_at > latchkey_now() - interval '1 day')::int AS parked,
           max(last_error) FILTER (WHERE is_open) AS "lastError"
      FROM (SELECT created_at, parked_at, last_error, sent_at IS NULL AND parked_at IS NULL AS is_open
              FROM outbox_message) messages`
}

const WEBHOOKS = {
  name: 'doctor_webhooks',
  text: `
    SELECT count(*) FILTER (WHERE parked_at IS NULL)::int AS waiting,
           extract(epoch FROM latchkey_now() - min(created_at) FILTER (WHERE parked_at IS NULL))::float8 AS "oldestSeconds",
           count(*) FILTER (WHERE parked_at > latchkey_now() - interval '1 day')::int AS parked,
           max(last_error) FILTER (WHERE parked_at IS NULL) AS "lastError"
      FROM webhook_delivery WHERE sent_at IS NULL`
}

const FOREIGN_HASHES = {
  name: 'doctor_foreign_hashes',
  text: `
    SELECT count(*)::int AS count FROM users
     WHERE password_hash IS NOT NULL AND password_hash NOT LIKE '$argon2id$%'`
}

const COUNTED_STRAYS = 10_000
const AUDIT_MONTHS = {
  name: 'doctor_audit_months',
  text: `
    SELECT (SELECT count(*)::int FROM pg_inherits WHERE inhparent = 'audit_event'::regclass) - 1 AS partitions,
           coalesce(audit_partitions_end() > audit_first_id(audit_month(latchkey_now(), 1)), FALSE) AS "hasNext",
           (SELECT count(*)::int FROM (SELECT FROM audit_event_default LIMIT ${COUNTED_STRAYS}) AS stray) AS strays`
}

/** `hasNext`: the next month has its partition. `strays` lie in the default one, counted up to ten thousand. */
export type AuditMonths = { partitions: number; hasNext: boolean; strays: number }

/** What clients that are let in want their tokens signed with. */
const CLIENT_ALGORITHMS = {
  name: 'doctor_client_algorithms',
  text: `
    SELECT alg, count(DISTINCT id)::int AS clients
      FROM client, unnest(ARRAY[id_token_alg, access_token_alg]) AS alg
     WHERE disabled_at IS NULL GROUP BY alg ORDER BY alg`
}

export type ServerFacts = {
  version: string
  fsync: string
  fullPageWrites: string
  synchronousCommit: string
  standbys: string
  isStandby: boolean
  /** Synchronous standbys that stream now; null where the role may not know. */
  inSync: number | null
  maxConnections: number
  connections: number
}

/** What a replica says of itself. */
export type ReplicaFacts = { isStandby: boolean; timeline: string; hasSameHistory: boolean }

export type OutboxFacts = {
  waiting: number
  oldestSeconds: number | null
  parked: number
  lastError: string | null
}

/** What Postgres says of itself and of what it holds. Reads only. */
export function createFactsStore(postgres: Postgres) {
  async function one<Row extends object>(
    statement: { name: string; text: string },
    ...values: unknown[]
  ): Promise<Row> {
    const [row] = await postgres.query<Row & Record<string, unknown>>(statement, values)
    if (row === undefined) throw new Error(`${statement.name} gave no row`)
    return row
  }

  return {
    server: () => one<ServerFacts>(SERVER),
    system: async () => (await one<{ system: string }>(SYSTEM)).system,
    /** @param system of the primary */
    replica: (system: string) => one<ReplicaFacts>(REPLICA, system),
    outbox: () => one<OutboxFacts>(OUTBOX),
    auditMonths: () => one<AuditMonths>(AUDIT_MONTHS),
    clientAlgorithms: () => postgres.query<{ alg: string; clients: number }>(CLIENT_ALGORITHMS, []),
    webhooks: () => one<OutboxFacts>(WEBHOOKS),
    /** How long rows of a purge rule have been due; null where none is. */
    overdueSeconds: async (rule: PurgeRule) => {
      const { table, endsAt, keepSeconds, only = 'TRUE' } = rule
      const text = `SELECT extract(epoch FROM latchkey_now() - min(${endsAt}))::float8 - ${keepSeconds} AS seconds
                      FROM ${table} WHERE ${only}`
      const name = `doctor_overdue_${table}_${only.length}`
      return (await one<{ seconds: number | null }>({ name, text })).seconds
    },
    foreignHashes: async () => (await one<{ count: number }>(FOREIGN_HASHES)).count,
    now: async () =>
      (await one<{ now: Date }>({ name: 'doctor_now', text: 'SELECT latchkey_now() AS now' })).now
  }
}
