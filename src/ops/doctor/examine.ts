import { ConfigError, readConfig, type Config, type Environment } from '../../config.ts'
import { openChain } from '../../audit/room.ts'
import { startClock } from '../../platform/clock.ts'
import { hasEmbeddedPostgres, startEmbeddedPostgres } from '../../platform/embedded-postgres.ts'
import { inspectDataKeys } from '../../platform/keys/data-keys.ts'
import { createSealer, type Sealer } from '../../platform/keys/sealer.ts'
import { pendingMigrations } from '../../platform/migrate.ts'
import { PostgresUnusableError, refusalOf } from '../../platform/migrate/connection.ts'
import { openPostgres, type Postgres } from '../../platform/postgres.ts'
import { StatementNamesError } from '../../platform/postgres/statement-names.ts'
import { findSigningKeys } from '../../signing/room.ts'
import { createRowsLeftStore } from '../data-keys/rows-left-store.ts'
import { CLOCK, DATABASE } from './database.ts'
import { createFactsStore } from './facts-store.ts'
import { codeOf, error, lookAt, note, ok, type NamedFinding } from './finding.ts'
import { HOLDINGS, type HoldingsSubject } from './holdings.ts'
import type { HeldSigningKey } from './signing-keys.ts'
import { SURROUNDINGS } from './surroundings.ts'

export type ExamineOptions = {
  /** Leaves audit events from before out. */
  since?: Date
  /** The hash of a seal, from the log. */
  head?: Buffer
}

/** Some checks read whole tables. */
const QUERY_TIMEOUT_MS = 60_000

/**
 * Looks at everything that an installation stands on, from the settings up, and changes nothing: no key,
 * no migration, no mail. What cannot be looked at for want of what it stands on is said.
 */
export async function examine(
  env: Environment,
  options: ExamineOptions = {}
): Promise<NamedFinding[]> {
  const config = readSettings(env)
  if (Array.isArray(config)) return config
  const mode = config.production ? 'production' : 'development'
  const says = `Complete, for ${mode}: ${config.issuer}.`
  return [
    { check: 'settings', ...ok(says) },
    ...(await examineDatabase(config, options).catch(unreadable)),
    ...(await lookAt(SURROUNDINGS, config))
  ]
}

/** Postgres went away meanwhile, or refuses what every server of ours reads. */
function unreadable(fault: unknown): NamedFinding[] {
  if (fault instanceof StatementNamesError) {
    return [{ check: 'postgres', ...error(fault.advice, 'What it holds was not looked at.') }]
  }
  const says = `Postgres does not let us read what we need (${codeOf(fault)}).`
  const todo = 'See that it runs, and that the role of DATABASE_URL owns the tables.'
  return [{ check: 'postgres', ...error(says, todo) }]
}

function readSettings(env: Environment): Config | NamedFinding[] {
  try {
    return readConfig(env)
  } catch (fault) {
    if (!(fault instanceof ConfigError)) throw fault
    return fault.problems.map((problem) => ({
      check: 'settings',
      ...error(`${problem}.`, 'The README has a table of all settings.')
    }))
  }
}

async function examineDatabase(config: Config, options: ExamineOptions): Promise<NamedFinding[]> {
  const { databaseUrl, dataDir } = config
  if (databaseUrl !== undefined) return examinePostgres(databaseUrl, config, options)
  if (!(await hasEmbeddedPostgres(dataDir))) {
    const says = 'DATABASE_URL is not set, and DATA_DIR holds no database yet.'
    return [{ check: 'postgres', ...note(says, 'npm start makes one.') }]
  }
  const embedded = await startEmbeddedPostgres({ dataDir })
  try {
    return await examinePostgres(embedded.url, config, options)
  } finally {
    await embedded.release()
  }
}

async function examinePostgres(
  databaseUrl: string,
  config: Config,
  options: ExamineOptions
): Promise<NamedFinding[]> {
  const pending = await pendingMigrations(databaseUrl).catch((fault: unknown) => {
    if (fault instanceof PostgresUnusableError) return fault
    throw fault
  })
  if (!Array.isArray(pending)) {
    const says = `The Postgres of DATABASE_URL ${refusalOf(pending.code)}. What it holds was not looked at.`
    return [{ check: 'postgres', ...error(says, 'Start it, or mend DATABASE_URL.') }]
  }
  const opened: Postgres[] = []
  const open = (url: string) => {
    const one = openPostgres({
      databaseUrl: url,
      poolSize: 5,
      queryTimeoutMs: QUERY_TIMEOUT_MS,
      readsTablesThrough: true,
      namedStatements: config.databaseNamedStatements
    })
    opened.push(one)
    return one
  }
  const postgres = open(databaseUrl)
  try {
    await postgres.requireNamedStatements()
    const facts = createFactsStore(postgres)
    const replica = config.databaseReplicaUrl
    const subject = {
      config,
      facts,
      replica: replica === undefined ? null : createFactsStore(open(replica)),
      pending,
      hostNow: () => new Date()
    }
    const found = await lookAt(DATABASE, subject)
    if (pending.length > 0) {
      const says = 'Clock, keys, audit trail, outbox and passwords were not looked at.'
      return [...found, { check: 'migrations', ...note(says, 'Migrate, then run it again.') }]
    }
    const held = await examineHoldings(postgres, config, options)
    return [...found, ...(await lookAt([CLOCK], subject)), ...held]
  } finally {
    await Promise.all(opened.map((one) => one.close()))
  }
}

async function examineHoldings(
  postgres: Postgres,
  config: Config,
  { since, head }: ExamineOptions
): Promise<NamedFinding[]> {
  const { signingAlgorithms, signingKeyRotationDays } = config
  const clock = await startClock(postgres)
  const keys = await inspectDataKeys({ ...config, postgres, now: clock.now })
  const { dataKeys } = keys
  const { checkChain, hasHead } = openChain(postgres, dataKeys)
  const subject: HoldingsSubject = {
    facts: createFactsStore(postgres),
    now: clock.now(),
    keys,
    signingAlgorithms,
    signingKeyRotationDays,
    countRowsLeft: () => createRowsLeftStore({ postgres, dataKeys }).countRowsLeft(clock.now()),
    signingKeys: await heldSigningKeys(postgres, createSealer({ dataKeys, clock })),
    checkChain: () => checkChain(since),
    findHead: () => (head === undefined ? Promise.resolve(null) : hasHead(head))
  }
  return lookAt(HOLDINGS, subject)
}

async function heldSigningKeys(postgres: Postgres, sealer: Sealer): Promise<HeldSigningKey[]> {
  const rows = await findSigningKeys(postgres)
  return rows.map(({ sealedPrivate, ...row }) => {
    const place = { table: 'signing_key', column: 'sealed_private', row: row.kid }
    return { ...row, opens: opens(() => sealer.openBytes('signing', sealedPrivate, place)) }
  })
}

function opens(open: () => unknown): boolean {
  try {
    open()
    return true
  } catch {
    return false
  }
}
