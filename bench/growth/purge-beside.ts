// node bench/growth/purge-beside.ts [--scale 1 --data DIR --rows 1000000]: what purging a million expired
// sessions costs those who refresh meanwhile.
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openDatabases, type BenchDatabase } from './databases.ts'
import { drive, percentile } from './load.ts'
import { startSubject, type Subject } from './subject.ts'

const { values: options } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    data: { type: 'string', default: join(tmpdir(), 'latchkey-growth') },
    rows: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' }
  }
})
const ROWS = Number(options.rows)
const SLICE_MS = Number(options.seconds) * 1_000
const CONNECTIONS = 8

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

async function tell(when: string, subject: Subject): Promise<void> {
  const { tookMs, count, ms } = await drive(CONNECTIONS, SLICE_MS, () => subject.refresh())
  const at = (share: number) => percentile(tookMs, share).toFixed(1)
  const rate = ((count / ms) * 1_000).toFixed(0)
  console.log(`${when}: ${rate} refreshes a second, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
}

const databases = await openDatabases(options.data, Number(options.scale), console.log)
try {
  await expire(databases.grown)
  // In turn, so that what else the machine does hits both alike.
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const [when, interval] of [
      ['without', '86400'],
      ['beside ', '1']
    ] as const) {
      const subject = await startSubject(databases.grown, { PURGE_INTERVAL_SECONDS: interval })
      try {
        await drive(CONNECTIONS, 2_000, () => subject.refresh())
        await delay(1_500)
        const before = await leftIn(subject)
        await tell(when, subject)
        const gone = before - (await leftIn(subject))
        if (interval === '1') {
          console.log(
            `         ${gone} rows purged in that time, ${Math.round(gone / (SLICE_MS / 1_000))} a second`
          )
        }
      } finally {
        await subject.close()
      }
    }
  }
} finally {
  await databases.close()
}
