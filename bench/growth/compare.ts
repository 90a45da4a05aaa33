// npm run bench:growth [-- --scale 1 --data DIR --seconds 3 --rounds 5 --only 'refresh|audit']: what growth costs. The same
// operations on an all but empty database and on a grown one, in turn. Without --data, what was made goes at the end.
import { parseArgs } from 'node:util'
import { openDatabases } from './databases.ts'
import { drive, median, percentile } from './load.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { startSubject, type Subject } from './subject.ts'

const { values: options } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    data: { type: 'string' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' }
  }
})
const SLICE_MS = Number(options.seconds) * 1_000
const ROUNDS = Number(options.rounds)

/** Of what an empty database gives. */
const AT_LEAST = 0.85

type Figures = {
  rates: number[]
  tookMs: number[]
  serverUs: number
  postgresUs: number
  wal: number
  refused: number
}

type Row = {
  name: string
  empty: Summary
  grown: Summary
  rates: number
  cpu: number
  refused: number
}

/** In turn, and each round the other way round: what else the machine does hits both alike. */
async function compare({ name, connections, one }: Operation, subjects: Subject[]): Promise<Row> {
  const figures = new Map<Subject, Figures>()
  const of = (subject: Subject) => getOrMake(figures, subject)
  for (const subject of subjects) {
    await subject.enterAdmin()
    await drive(connections, SLICE_MS / 4, () => one(subject))
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const [before, wal] = [await subject.cpuMs(), await subject.walBytes()]
      const { count, refused, ms, tookMs } = await drive(connections, SLICE_MS, () => one(subject))
      const [after, walAfter] = [await subject.cpuMs(), await subject.walBytes()]
      const sum = of(subject)
      sum.rates.push((count / ms) * 1_000)
      sum.tookMs.push(...tookMs)
      sum.serverUs += (after.server - before.server) * 1_000
      sum.postgresUs += (after.postgres - before.postgres) * 1_000
      sum.wal += walAfter - wal
      sum.refused += refused
    }
  }
  const [few, many] = subjects.map(of)
  if (few === undefined || many === undefined) throw new Error('Two databases are compared.')
  const [empty, grown] = [summary(few), summary(many)]
  return {
    name,
    empty,
    grown,
    rates: median(many.rates.map((rate, round) => rate / (few.rates[round] ?? NaN))),
    refused: few.refused + many.refused,
    cpu: (empty.serverUs + empty.postgresUs) / (grown.serverUs + grown.postgresUs)
  }
}

/** As far as it came: a run of half an hour is not lost with its last operation. */
function report(rows: Row[]): void {
  if (rows.length === 0) return
  console.log(
    '\n| operation | a second: empty, grown | ratio | p99 ms | server µs | Postgres µs | ratio of CPU | WAL bytes |\n|---|---|---|---|---|---|---|---|'
  )
  for (const { name, empty, grown, rates, cpu } of rows) {
    const both = (digits: number, pick: (side: Summary) => number) =>
      `${pick(empty).toFixed(digits)}, ${pick(grown).toFixed(digits)}`
    const cells = [
      name,
      both(0, ({ rate }) => rate),
      ratio(rates),
      both(1, ({ p99Ms }) => p99Ms),
      both(0, ({ serverUs }) => serverUs),
      both(0, ({ postgresUs }) => postgresUs),
      ratio(cpu),
      both(0, ({ wal }) => wal)
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
  for (const { name, refused } of rows) {
    if (refused === 0) continue
    process.exitCode = 1
    console.log(`${name}: ${refused} answers were 503, which are no throughput.`)
  }
}

/** `!` stands behind what the project does not allow itself. */
const ratio = (value: number) => `${value.toFixed(2)}${value < AT_LEAST ? '!' : ''}`

const blank = (): Figures => ({
  rates: [],
  tookMs: [],
  serverUs: 0,
  postgresUs: 0,
  wal: 0,
  refused: 0
})

function getOrMake(figures: Map<Subject, Figures>, subject: Subject): Figures {
  const known = figures.get(subject) ?? blank()
  figures.set(subject, known)
  return known
}

type Summary = ReturnType<typeof summary>

function summary({ rates, tookMs, serverUs, postgresUs, wal }: Figures) {
  return {
    rate: median(rates),
    p99Ms: percentile(tookMs, 0.99),
    serverUs: serverUs / tookMs.length,
    postgresUs: postgresUs / tookMs.length,
    wal: wal / tookMs.length
  }
}

const startedMs = performance.now()
const elapsed = () => `${((performance.now() - startedMs) / 60_000).toFixed(1)} min in all`
const databases = await openDatabases(options.data, Number(options.scale), console.log)
const subjects: Subject[] = []
const rows: Row[] = []
try {
  for (const database of [databases.empty, databases.grown]) {
    const subject = await startSubject(database)
    subjects.push(subject)
    await subject.prepare()
  }
  for (const operation of OPERATIONS) {
    if (!options.only.split('|').some((name) => operation.name.startsWith(name))) continue
    const row = await compare(operation, subjects)
    rows.push(row)
    process.stderr.write(
      `${row.name}: ${ratio(row.rates)} by rates, ${ratio(row.cpu)} by CPU; ${elapsed()}\n`
    )
  }
} finally {
  report(rows)
  console.log(`\nScale ${options.scale}, ${ROUNDS} rounds of ${SLICE_MS / 1_000} s; ${elapsed()}.`)
  for (const subject of subjects) await subject.close()
  await databases.close()
}
