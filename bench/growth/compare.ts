// npm run bench:growth [-- --scale 1 --data DIR --seconds 3 --rounds 5 --only 'refresh|audit']: what growth costs. The same
// operations on an all but empty database and on a grown one, in turn.
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { openDatabases } from './databases.ts'
import { drive, median, percentile } from './load.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { startSubject, type Subject } from './subject.ts'

const { values: options } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    data: { type: 'string', default: join(tmpdir(), 'latchkey-growth') },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' }
  }
})
const SLICE_MS = Number(options.seconds) * 1_000
const ROUNDS = Number(options.rounds)

type Figures = {
  rates: number[]
  tookMs: number[]
  serverUs: number
  postgresUs: number
  wal: number
}

/** In turn, and each round the other way round: what else the machine does hits both alike. */
async function compare({ name, connections, one }: Operation, subjects: Subject[]): Promise<void> {
  const figures = new Map<Subject, Figures>()
  const of = (subject: Subject) => getOrMake(figures, subject)
  for (const subject of subjects) await drive(connections, SLICE_MS / 4, () => one(subject))
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const [before, wal] = [await subject.cpuMs(), await subject.walBytes()]
      const { count, ms, tookMs } = await drive(connections, SLICE_MS, () => one(subject))
      const [after, walAfter] = [await subject.cpuMs(), await subject.walBytes()]
      const sum = of(subject)
      sum.rates.push((count / ms) * 1_000)
      sum.tookMs.push(...tookMs)
      sum.serverUs += (after.server - before.server) * 1_000
      sum.postgresUs += (after.postgres - before.postgres) * 1_000
      sum.wal += walAfter - wal
    }
  }
  const [empty, grown] = subjects.map((subject) => summary(of(subject)))
  if (empty === undefined || grown === undefined) return
  const cpu = (empty.serverUs + empty.postgresUs) / (grown.serverUs + grown.postgresUs)
  console.log(
    [
      name.padEnd(24),
      empty.rate.toFixed(0).padStart(7),
      grown.rate.toFixed(0).padStart(8),
      (grown.rate / empty.rate).toFixed(2).padStart(6),
      `${empty.p99Ms.toFixed(1)} / ${grown.p99Ms.toFixed(1)}`.padStart(15),
      `${empty.serverUs.toFixed(0)} / ${grown.serverUs.toFixed(0)}`.padStart(15),
      `${empty.postgresUs.toFixed(0)} / ${grown.postgresUs.toFixed(0)}`.padStart(13),
      cpu.toFixed(2).padStart(6),
      `WAL ${empty.wal.toFixed(0)} / ${grown.wal.toFixed(0)}`
    ].join('  ')
  )
}

const blank = (): Figures => ({ rates: [], tookMs: [], serverUs: 0, postgresUs: 0, wal: 0 })

function getOrMake(figures: Map<Subject, Figures>, subject: Subject): Figures {
  const known = figures.get(subject) ?? blank()
  figures.set(subject, known)
  return known
}

function summary({ rates, tookMs, serverUs, postgresUs, wal }: Figures) {
  return {
    rate: median(rates),
    p99Ms: percentile(tookMs, 0.99),
    serverUs: serverUs / tookMs.length,
    postgresUs: postgresUs / tookMs.length,
    wal: wal / tookMs.length
  }
}

const databases = await openDatabases(options.data, Number(options.scale), console.log)
const subjects: Subject[] = []
try {
  for (const database of [databases.empty, databases.grown]) {
    const subject = await startSubject(database)
    subjects.push(subject)
    await subject.prepare()
  }
  console.log(
    `${'operation'.padEnd(24)}  empty/s   grown/s   ratio   p99 ms            server CPU µs    Postgres CPU µs  ratio`
  )
  for (const operation of OPERATIONS) {
    if (options.only.split('|').some((name) => operation.name.startsWith(name)))
      await compare(operation, subjects)
  }
} finally {
  for (const subject of subjects) await subject.close()
  await databases.close()
}
