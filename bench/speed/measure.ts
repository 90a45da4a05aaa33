import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BenchLine } from './command-line.ts'
import { startDriver, type Driver, type Measured } from './load/drive.ts'
import type { Scenario } from './load/scenarios.ts'
import { CONNECTIONS, LIMITS, type Operation, type Subject } from './operations.ts'
import type { Place } from './place.ts'
import { cpuMsOf, rssMibOf, type Program } from './process-usage.ts'
import type { limitSubject } from './subjects/limit.ts'

const run = promisify(execFile)
const LOAD_PROCESSES = 2

/** One run against one server. CPU is microseconds a request, by program. */
export type Sample = Measured & { cpuUs: Record<string, number>; rssMib: number }

export type Figures = {
  operation: Operation
  ours: Sample[]
  limit: number[]
  peers: Map<string, Sample[]>
}[]

type Setup = {
  place: Place
  latchkey: Subject
  limit: Awaited<ReturnType<typeof limitSubject>>
  peers: Subject[]
  line: BenchLine
}

/** Everybody in turn, round after round: what disturbs the machine disturbs all alike. The first round warms all up. */
export async function measureRounds({
  place,
  latchkey,
  limit,
  peers,
  line
}: Setup): Promise<Figures> {
  const { postgres, redis } = place.programs
  const driver = startDriver(LOAD_PROCESSES)
  const figures: Figures = line.operations.map((operation) => ({
    operation,
    ours: [],
    limit: [],
    peers: new Map(peers.map(({ name }) => [name, []]))
  }))
  const measure = (
    name: string,
    { port, program }: { port: number; program: Program },
    scenario: Scenario
  ) => sample(driver, [program, postgres, redis], { name, port, scenario, line })
  // A server that has just started runs code that is not compiled yet; short looks take it as it is.
  const first = line.measureMs > 1_000 ? 0 : 1
  for (let round = first; round <= line.rounds; round += 1) {
    const isCounted = round > 0
    /** A short look takes each of them once a round. */
    const limits = new Map<string, number>()
    const limitOf = async (kind: string, look: () => Promise<number>) => {
      const known = limits.get(kind)
      if (known !== undefined && line.measureMs <= 1_000) return known
      const rate = await look()
      limits.set(kind, rate)
      return rate
    }
    for (const figure of figures) {
      const { operation } = figure
      process.stderr.write(`round ${round}${isCounted ? '' : ', not counted'}: ${operation}\n`)
      for (const subject of [latchkey, ...peers]) {
        const scenario = await subject.scenarios[operation]?.()
        if (scenario === undefined) continue
        const measured = await measure(`${round} ${subject.name} ${operation}`, subject, scenario)
        if (measured.wrong > 0 && subject === latchkey) process.exitCode = 1
        if (!isCounted) continue
        if (subject === latchkey) figure.ours.push(measured)
        else figure.peers.get(subject.name)?.push(measured)
      }
      const kind = LIMITS[operation]
      if (kind === null || (!isCounted && isRaw(kind))) continue
      const bare = (name: string, scenario: Scenario) => async () =>
        (await measure(name, limit, scenario)).perSecond
      const look = isRaw(kind)
        ? () => raw(kind, line.measureMs)
        : kind === 'refresh'
          ? bare('limit refresh', limit.refresh())
          : bare('limit hello', limit.hello())
      const rate = await limitOf(kind, look)
      if (isCounted) figure.limit.push(rate)
    }
  }
  driver.close()
  return figures.filter(({ ours }) => ours.length > 0)
}

async function sample(
  driver: Driver,
  programs: Program[],
  {
    name,
    port,
    scenario,
    line
  }: { name: string; port: number; scenario: Scenario; line: BenchLine }
): Promise<Sample> {
  const { warmUpMs } = line
  // Two connections in three wait for a hash: a short look would see none of them answered.
  const isSlow = scenario.kind === 'login' || scenario.kind === 'register'
  const measureMs = isSlow ? Math.max(line.measureMs, 1_000) : line.measureMs
  const before = programs.map(cpuMsOf)
  const load = { key: name, port, scenario, connections: CONNECTIONS, warmUpMs, measureMs }
  const measured = await driver.drive(load)
  const entries = programs.map((program, n) => {
    const spentMs = cpuMsOf(program) - (before[n] ?? 0)
    return [program.name, (spentMs * 1_000) / Math.max(1, measured.total)] as const
  })
  if (measured.wrong > 0) {
    process.stderr.write(`${name}: ${measured.wrong} wrong answers: ${measured.firstWrong ?? ''}\n`)
  }
  const [server] = programs
  const rssMib = server === undefined ? 0 : rssMibOf(server)
  return { ...measured, cpuUs: Object.fromEntries(entries), rssMib }
}

type RawKind = 'sign' | 'argon2'

const isRaw = (kind: string): kind is RawKind => kind === 'sign' || kind === 'argon2'

async function raw(kind: RawKind, ms: number): Promise<number> {
  const file = join(import.meta.dirname, 'limits/raw.ts')
  const threads = { UV_THREADPOOL_SIZE: String(availableParallelism()) }
  const { stdout } = await run(process.execPath, [file, kind, String(Math.max(ms, 600))], {
    env: { ...process.env, ...threads }
  })
  return Number(stdout)
}
