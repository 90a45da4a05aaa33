import type { Config } from '../../config.ts'
import { amount, duration, error, note, ok, warn, type Check, type Finding } from './finding.ts'
import type { FactsStore } from './facts-store.ts'

/** What any Postgres that answers can be asked, whatever is in it. */
export type DatabaseSubject = {
  config: Config
  facts: FactsStore
  /** The replica, asked the same way; null where there is none. */
  replica: FactsStore | null
  /** Names of the migrations that are not applied. */
  pending: string[]
  /** This host's clock. */
  hostNow: () => Date
}

export const DATABASE: readonly Check<DatabaseSubject>[] = [
  { name: 'postgres', look: lookAtServer },
  { name: 'durability', look: lookAtDurability },
  { name: 'replica', look: lookAtReplica },
  { name: 'connections', look: lookAtConnections },
  { name: 'migrations', look: lookAtMigrations }
]

/** Of what has `latchkey_now()`. */
export const CLOCK: Check<DatabaseSubject> = { name: 'clock', look: lookAtClock }

async function lookAtServer({ facts }: DatabaseSubject): Promise<Finding[]> {
  const { version, isStandby } = await facts.server()
  if (isStandby) {
    const todo =
      'Point DATABASE_URL at the primary, or name all hosts in it: the one that writes is found.'
    return [error('DATABASE_URL leads to a standby: nothing can be written there.', todo)]
  }
  return [ok(`PostgreSQL ${version.split(' ')[0] ?? ''} answers.`)]
}

async function lookAtDurability({ config, facts }: DatabaseSubject): Promise<Finding[]> {
  const { fsync, fullPageWrites, synchronousCommit, standbys, inSync } = await facts.server()
  const findings: Finding[] = []
  for (const [name, value] of Object.entries({
    fsync,
    full_page_writes: fullPageWrites,
    synchronous_commit: synchronousCommit
  })) {
    if (value !== 'off') continue
    const says = `${name} is off: a crash of the database loses what was already answered.`
    findings.push(error(says, `Set ${name} to on in Postgres.`))
  }
  if (standbys === '') {
    findings.push(
      (config.production ? warn : note)(
        'There is no synchronous standby: losing the machine loses what came after the last backup or copy.',
        'Set synchronous_standby_names, unless the storage itself is replicated.'
      )
    )
  }
  // `local` and `remote_write` answer before the standby has it on disk.
  if (standbys !== '' && /^(local|remote_write)$/.test(synchronousCommit)) {
    const says = `synchronous_commit is ${synchronousCommit}: a failover loses what was already answered.`
    findings.push(error(says, 'Set synchronous_commit to on, in Postgres and for our role.'))
  }
  if (standbys !== '' && inSync === 0) {
    const says = 'No synchronous standby streams: every commit waits for one, and we answer 503.'
    findings.push(error(says, 'Start it, or take it out of synchronous_standby_names.'))
  }
  return findings.length > 0 ? findings : [ok('A commit is on disk, and on a standby.')]
}

async function lookAtReplica({ facts, replica }: DatabaseSubject): Promise<Finding[]> {
  if (replica === null) return []
  const asked = await replica.replica(await facts.system()).catch(() => null)
  if (asked === null) {
    const todo = 'Start it, or mend DATABASE_REPLICA_URL. Meanwhile the primary answers.'
    return [warn('The Postgres of DATABASE_REPLICA_URL does not answer or refuses us.', todo)]
  }
  if (!asked.isStandby || !asked.hasSameHistory) {
    const says = 'The Postgres of DATABASE_REPLICA_URL is no streaming standby of the primary.'
    return [warn(says, 'Name one, or leave it unset. Meanwhile the primary answers.')]
  }
  if (asked.timeline !== 'latest') {
    const says = `recovery_target_timeline of the replica is ${asked.timeline}: it will not follow a failover.`
    return [warn(says, 'Set it to latest.')]
  }
  return [ok('A streaming standby.')]
}

const RESERVED_CONNECTIONS = 5

/** Servers keep what they opened: one more of them must still get its own. */
async function lookAtConnections({ config, facts }: DatabaseSubject): Promise<Finding[]> {
  const { maxConnections, connections } = await facts.server()
  const free = maxConnections - connections - RESERVED_CONNECTIONS
  const says = `${connections} of ${maxConnections} connections are taken, DATABASE_POOL_SIZE is ${config.databasePoolSize}.`
  if (free >= config.databasePoolSize) return [ok(says)]
  const todo =
    'Raise max_connections or lower DATABASE_POOL_SIZE, so that one more server can start beside the others; or put PgBouncer in between.'
  return [warn(says, todo)]
}

function lookAtMigrations({ config, pending }: DatabaseSubject): Promise<Finding[]> {
  if (pending.length === 0) return Promise.resolve([ok('All are applied.')])
  const says = `${amount(pending.length, 'migration')} not applied, from ${pending[0] ?? ''} on.`
  const finding = config.production
    ? error(says, 'Run npm run migrate; the server does not start before.')
    : warn(says, 'Run npm run migrate, or start the server: outside production it does it itself.')
  return Promise.resolve([finding])
}

const SKEW_SECONDS = 2
const GRAVE_SKEW_SECONDS = 60

async function lookAtClock({ facts, hostNow }: DatabaseSubject): Promise<Finding[]> {
  const askedAt = hostNow().getTime()
  const postgresAt = (await facts.now()).getTime()
  const skew = (postgresAt - (askedAt + hostNow().getTime()) / 2) / 1_000
  const seconds = Math.abs(skew)
  if (seconds < SKEW_SECONDS) return [ok('This host and Postgres agree to the second.')]
  const says = `Postgres is ${duration(seconds)} ${skew > 0 ? 'ahead of' : 'behind'} this host.`
  const todo =
    'Let both keep time by NTP: tokens carry the time of Postgres, and services judge them by their own.'
  return [(seconds < GRAVE_SKEW_SECONDS ? warn : error)(says, todo)]
}
