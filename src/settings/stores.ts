import { boolean, integer, postgresUrl, redisUrl, workerCount } from '../lib/setting-parsers.ts'
import { optional, unset } from './setting.ts'

/** Postgres, Redis and who shares them. */
export const STORES = {
  databaseUrl: unset(
    'DATABASE_URL',
    'Postgres, or a PgBouncer before it; several hosts (`a:5432,b:5432`) are a primary and its standbys, see [docs/postgres.md](docs/postgres.md)',
    postgresUrl,
    'embedded Postgres; required in production'
  ),
  databaseDirectUrl: unset(
    'DATABASE_DIRECT_URL',
    'Postgres itself, where `DATABASE_URL` is a PgBouncer: migrations need a session',
    postgresUrl,
    '`DATABASE_URL`'
  ),
  databaseReplicaUrl: unset(
    'DATABASE_REPLICA_URL',
    'A streaming standby that answers what administrators read: lists of people, audit events',
    postgresUrl,
    'the primary answers'
  ),
  databaseNamedStatements: optional(
    'DATABASE_NAMED_STATEMENTS',
    'Prepare hot statements once a connection; `false` behind a PgBouncer in transaction mode that keeps none (before 1.21)',
    boolean,
    true
  ),
  workers: optional(
    'WORKERS',
    'Processes that share the port; `auto` is one per core. More than one need `REDIS_URL`',
    workerCount,
    1
  ),
  databasePoolSize: optional(
    'DATABASE_POOL_SIZE',
    'Connections to Postgres that one server keeps; with `WORKERS`, each worker',
    integer(2, 200),
    10
  ),
  redisUrl: unset(
    'REDIS_URL',
    'Redis, Redis Sentinel or Redis Cluster, see [docs/redis.md](docs/redis.md)',
    redisUrl,
    'in-process store; required in production'
  )
}
