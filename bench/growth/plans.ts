// node bench/growth/plans.ts [--scale 1 --data DIR]: the plans that Postgres really used on the grown database, for
// every statement of the operations that are compared and of the background: what each read, and whether a table whole.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openDatabases } from './databases.ts'
import { OPERATIONS } from './operations.ts'
import { startSubject } from './subject.ts'

const { values: options } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    data: { type: 'string' }
  }
})
/** Each connection has planned a named statement for good after five. */
const TIMES = 60
const EXPLAIN = {
  session_preload_libraries: `'auto_explain'`,
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_timing': 'off'
}

type Seen = { calls: number; buffers: number; wholeTables: Set<string>; removed: number }

const databases = await openDatabases(options.data, Number(options.scale), console.log)
const { name } = databases.grown
const client = new pg.Client(databases.grown.url)
await client.connect()
const log = join(databases.dataDir, 'postgres', 'server.log')
try {
  const { size } = await stat(log)
  for (const [setting, value] of Object.entries(EXPLAIN)) {
    await client.query(`ALTER DATABASE ${name} SET ${setting} = ${value}`)
  }
  const subject = await startSubject(databases.grown, { PURGE_INTERVAL_SECONDS: '5' })
  await subject.prepare()
  for (const { one } of OPERATIONS) {
    for (let n = 0; n < TIMES; n += 1) await one(subject)
  }
  await delay(35_000) // a full read of the feed, seals, a purge
  await subject.close()
  print(readPlans((await readFile(log)).subarray(size).toString()))
} finally {
  for (const setting of Object.keys(EXPLAIN)) {
    await client.query(`ALTER DATABASE ${name} RESET ${setting}`)
  }
  await client.end()
  await databases.close()
}

function readPlans(text: string): Map<string, Seen> {
  const statements = new Map<string, Seen>()
  for (const entry of text.split(/^.*duration: [\d.]+ ms {2}plan:$/m).slice(1)) {
    const lines = entry.split('\n').filter((line) => line.startsWith('\t'))
    const body = lines.join('\n')
    const at = body.search(/^\t[A-Z][^\n]* {2}\(cost=/m)
    if (at < 0) continue
    const [query, plan] = [body.slice(0, at), body.slice(at)]
    const key = (
      query.replaceAll(/\s+/g, ' ').replace(' Query Text: ', '').split(' Query Parameters')[0] ?? ''
    ).slice(0, 110)
    const seen = statements.get(key) ?? { calls: 0, buffers: 0, wholeTables: new Set(), removed: 0 }
    seen.calls += 1
    const buffers = /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(plan)
    seen.buffers = Math.max(seen.buffers, Number(buffers?.[1] ?? 0) + Number(buffers?.[2] ?? 0))
    for (const [, table, rows] of plan.matchAll(/Seq Scan on (\S+).*rows=([\d.]+) loops/g)) {
      if (Number(rows) > 100) seen.wholeTables.add(table ?? '')
    }
    for (const [, rows] of plan.matchAll(/Rows Removed by Filter: (\d+)/g)) {
      seen.removed = Math.max(seen.removed, Number(rows))
    }
    statements.set(key, seen)
  }
  return statements
}

function print(statements: Map<string, Seen>): void {
  const rows = [...statements].sort(([, a], [, b]) => b.buffers - a.buffers)
  for (const [query, { calls, buffers, wholeTables, removed }] of rows) {
    const whole = wholeTables.size === 0 ? '' : `  READS WHOLE ${[...wholeTables].join(', ')}`
    const thrown = removed < 1_000 ? '' : `  ${removed} rows read in vain`
    console.log(
      `${String(buffers).padStart(7)} pages at most, ${calls} calls${whole}${thrown}  ${query}`
    )
  }
}
