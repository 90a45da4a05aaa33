/** The Prisma adapter reads every timestamptz as UTC, whatever the role's TimeZone says. */
const IN_UTC = `SET TimeZone = 'UTC'`
/**
 * Postgres keeps the plan of a named statement until the table's statistics change, and they come late: up to a minute with
 * autovacuum as it is by default. Where a table was small when they were made, each request would read it whole, or by an
 * index that leads through all of it, however many rows have come since. What has no index is read through all the same;
 * before Postgres 18 its cost would also call for compiling it.
 */
const BY_INDEXES = 'SET enable_seqscan = off; SET random_page_cost = 1.1; SET jit = off'
/** As the role has it: behind a pooler the connection may have been another's. */
const AS_BEFORE = 'RESET enable_seqscan; RESET random_page_cost; RESET jit'

/** What a new connection is told first, as one text. */
export function connectionSettings({
  namedStatements,
  readsTablesThrough
}: {
  namedStatements: boolean
  readsTablesThrough: boolean
}): string {
  if (!namedStatements) return IN_UTC
  return `${IN_UTC}; ${readsTablesThrough ? AS_BEFORE : BY_INDEXES}`
}
