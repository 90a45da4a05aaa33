// node bench/growth/rotations.ts [--data DIR]: what a session weighs after 10,000 rotations.
import { parseArgs } from 'node:util'
import { openDatabases } from './databases.ts'
import { startSubject, type Subject } from './subject.ts'

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    scale: { type: 'string', default: '0.01' },
    rotations: { type: 'string', default: '10000' }
  }
})
const ROTATIONS = Number(options.rotations)

/** Everything that one rotation may touch, and how Postgres updated it. */
async function weigh({ database }: Subject) {
  await database.query('SELECT pg_stat_force_next_flush()')
  const { rows } = await database.query<Record<string, number>>(`
    SELECT pg_relation_size('session')::int AS "tableBytes", pg_indexes_size('session')::int AS "indexBytes",
           n_tup_upd::int AS updates, n_tup_hot_upd::int AS "hotUpdates", n_dead_tup::int AS "deadRows"
      FROM pg_stat_user_tables WHERE relname = 'session'`)
  return rows[0]
}

/** Bytes of the row that was rotated most and of the one that was rotated least. */
async function weighRows({ database }: Subject) {
  const row = (order: 'ASC' | 'DESC') =>
    `(SELECT json_build_object('generation', generation, 'bytes', pg_column_size(s.*))
        FROM session AS s WHERE revoked_at IS NULL ORDER BY generation ${order} LIMIT 1)`
  const { rows } = await database.query<{ least: object; most: object }>(
    `SELECT ${row('ASC')} AS least, ${row('DESC')} AS most`
  )
  return rows[0]
}

const databases = await openDatabases(options.data, Number(options.scale), console.log)
const subject = await startSubject(databases.empty)
try {
  await subject.database.query('VACUUM session')
  console.log('before', await weigh(subject))
  const startedAtMs = performance.now()
  const [wal, cpu] = [await subject.walBytes(), await subject.cpuMs()]
  await subject.rotateOne(ROTATIONS)
  const seconds = (performance.now() - startedAtMs) / 1_000
  const [walAfter, cpuAfter] = [await subject.walBytes(), await subject.cpuMs()]
  await subject.settle()
  console.log('after ', await weigh(subject))
  await subject.database.query('VACUUM session')
  console.log('vacuum', await weigh(subject))
  console.log('rows  ', await weighRows(subject))
  const each = (ms: number) => `${((ms / ROTATIONS) * 1_000).toFixed(0)} µs`
  console.log(
    `${ROTATIONS} rotations one after the other in ${seconds.toFixed(1)} s; each ` +
      `${((walAfter - wal) / ROTATIONS).toFixed(0)} bytes of WAL, ${each(cpuAfter.server - cpu.server)} of the server's CPU, ` +
      `${each(cpuAfter.postgres - cpu.postgres)} of Postgres'`
  )
} finally {
  await subject.close()
  await databases.close()
}
