// node bench/growth/purge-beside.ts [--scale 1 --data DIR --rows 1000000]: what purging a million expired
// sessions costs those who refresh meanwhile: so many rounds of a slice without and one beside it.
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openDatabases, type BenchDatabase } from './databases.ts'
import { drive, median, percentile } from './load.ts'
import { startSubject, type Subject } from './subject.ts'

const { values: options } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    data: { type: 'string' },
    rows: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '4' }
  }
})
const ROWS = Number(options.rows)
const SLICE_MS = Number(options.seconds) * 1_000
const CONNECTIONS = 8
/** A new server compiles what it runs often; the purge has begun by the end of it. */
const WARM_UP_MS = 5_000

/** Sessions of people who are there, that ended long enough ago, seconds apart. */
async function expire({ url }: BenchDatabase): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(
    `INSERT INTO session (id, user_id, client_id, secret_hash, rotated_at, last_used_at, created_at, expires_at,
                          idle_expires_at, scope, auth_time, device, address_sealed)
     SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), 'latchkey', sha256(n::text::bytea), at, at, at,
            at, at, 'account', at, 'Firefox on Linux', sha256(n::text::bytea)
       FROM (SELECT n, now() - interval '90 days' - n * interval '1 s' AS at FROM generate_series(1, $1::int) AS n) AS row`,
    [ROWS]
  )
  await client.query('VACUUM (ANALYZE) session')
  await client.end()
}

async function leftIn(subject: Subject): Promise<number> {
  const { rows } = await subject.database.query<{ count: number }>(
    `SELECT count(*)::int FROM session WHERE expires_at < now() - interval '80 days'`
  )
  return rows[0]?.count ?? 0
}

type Slice = {
  rate: number
  p50Ms: number
  p99Ms: number
  serverUs: number
  postgresUs: number
  purged: number
}

/** Of the CPU of server and Postgres, what purging takes is part of a refresh: whoever refreshes pays for it. */
async function measure(interval: string): Promise<Slice> {
  const subject = await startSubject(databases.grown, { PURGE_INTERVAL_SECONDS: interval })
  try {
    await drive(CONNECTIONS, WARM_UP_MS, () => subject.refresh())
    const left = await leftIn(subject)
    const before = await subject.cpuMs()
    const { tookMs, count, ms } = await drive(CONNECTIONS, SLICE_MS, () => subject.refresh())
    const after = await subject.cpuMs()
    return {
      rate: (count / ms) * 1_000,
      p50Ms: percentile(tookMs, 0.5),
      p99Ms: percentile(tookMs, 0.99),
      serverUs: ((after.server - before.server) * 1_000) / count,
      postgresUs: ((after.postgres - before.postgres) * 1_000) / count,
      purged: ((left - (await leftIn(subject))) / ms) * 1_000
    }
  } finally {
    await subject.close()
  }
}

function report(sides: { without: Slice[]; beside: Slice[] }): void {
  const of = (slices: Slice[], pick: (slice: Slice) => number) => median(slices.map(pick))
  const line = (what: string, digits: number, pick: (slice: Slice) => number) => {
    const [without, beside] = [of(sides.without, pick), of(sides.beside, pick)]
    const cells = [what, without.toFixed(digits), beside.toFixed(digits)]
    console.log(`| ${cells.join(' | ')} | ${(beside / without).toFixed(2)} |`)
  }
  console.log('\n| medians | without | beside | beside / without |\n|---|---|---|---|')
  line('refreshes a second', 0, ({ rate }) => rate)
  line('p50, ms', 1, ({ p50Ms }) => p50Ms)
  line('p99, ms', 1, ({ p99Ms }) => p99Ms)
  line('server, µs a refresh', 0, ({ serverUs }) => serverUs)
  line('Postgres, µs a refresh', 0, ({ postgresUs }) => postgresUs)
  console.log(`| rows purged a second | – | ${of(sides.beside, (s) => s.purged).toFixed(0)} | |`)
}

const databases = await openDatabases(options.data, Number(options.scale), console.log)
try {
  await expire(databases.grown)
  const sides = { without: [] as Slice[], beside: [] as Slice[] }
  // In turn, and each round the other way round, so that what else the machine does hits both alike.
  for (let round = 0; round < Number(options.rounds); round += 1) {
    const turn = [
      ['without', '86400'],
      ['beside', '1']
    ] as const
    for (const [side, interval] of round % 2 === 0 ? turn : turn.toReversed()) {
      const slice = await measure(interval)
      sides[side].push(slice)
      const { rate, p99Ms, purged } = slice
      const gone = side === 'beside' ? `, ${purged.toFixed(0)} rows purged a second` : ''
      console.log(
        `${side}: ${rate.toFixed(0)} refreshes a second, p99 ${p99Ms.toFixed(1)} ms${gone}`
      )
    }
  }
  report(sides)
} finally {
  await databases.close()
}
