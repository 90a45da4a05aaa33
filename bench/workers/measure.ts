import { setTimeout as delay } from 'node:timers/promises'
import { startDriver, type Driver, type Load } from '../speed/load/drive.ts'
import type { Operation } from '../speed/operations.ts'
import type { Place } from '../speed/place.ts'
import { cpuMsOf, type Program } from '../speed/process-usage.ts'
import type { Side } from './sides.ts'

/** Of each process: a core is busy with so many. */
const CONNECTIONS = 32
const WARM_UP_MS = 500
/** Servers load a part of themselves once they are ready. */
const SETTLE_MS = 5_000
const IDLE_MS = 20_000

export type Sample = { perSecond: number; serverUs: number; postgresUs: number; redisUs: number }

export type Row = { operation: Operation; samples: Map<Side['name'], Sample[]> }

export type Idle = { name: Side['name']; serverMs: number }

type Turns = {
  place: Place
  sides: Side[]
  operations: Operation[]
  rounds: number
  measureMs: number
}

/** What a side uses while nobody asks it anything, in ms of CPU a second: what two do twice is here. */
export async function measureIdle(sides: Side[]): Promise<Idle[]> {
  const read = () => sides.map(({ programs }) => sumOf(programs))
  await delay(SETTLE_MS)
  const before = read()
  await delay(IDLE_MS)
  const after = read()
  return sides.map(({ name }, n) => {
    const spentMs = (after[n] ?? 0) - (before[n] ?? 0)
    return { name, serverMs: (spentMs * 1_000) / IDLE_MS }
  })
}

/** Round after round, every other one the other way round: what disturbs the machine disturbs all alike. */
export async function measureInTurn(turns: Turns): Promise<Row[]> {
  const { place, sides, operations, rounds, measureMs } = turns
  const drivers = [startDriver(1), startDriver(1)]
  const rows: Row[] = operations.map((operation) => ({
    operation,
    samples: new Map(sides.map(({ name }) => [name, []]))
  }))
  // Made once: nobody may log in as often as there are rounds.
  const loads = new Map<string, Load[]>()
  for (const side of sides) {
    for (const operation of operations) {
      const key = `${side.name} ${operation}`
      loads.set(key, await loadsOf(side, operation, { key, measureMs }))
    }
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { operation, samples } of rows) {
      process.stderr.write(`round ${round + 1}: ${operation}\n`)
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const load = loads.get(`${side.name} ${operation}`) ?? []
        samples.get(side.name)?.push(await sample(place, side, drivers, load))
      }
    }
  }
  for (const driver of drivers) driver.close()
  return rows
}

async function loadsOf(
  { targets }: Side,
  operation: Operation,
  { key, measureMs }: { key: string; measureMs: number }
): Promise<Load[]> {
  return Promise.all(
    targets.map(async ({ port, scenarios }) => {
      const scenario = await scenarios[operation]?.()
      if (scenario === undefined) throw new Error(`Latchkey has no ${operation}.`)
      const times = { warmUpMs: WARM_UP_MS, measureMs }
      return { key, port, scenario, connections: CONNECTIONS, ...times }
    })
  )
}

async function sample(
  { programs: { postgres, redis } }: Place,
  side: Side,
  drivers: Driver[],
  loads: Load[]
): Promise<Sample> {
  const read = () => [sumOf(side.programs), sumOf([postgres]), sumOf([redis])]
  const before = read()
  const measured = await Promise.all(loads.map(async (load, n) => drivers[n]?.drive(load)))
  const after = read()
  const done = measured.filter((part) => part !== undefined)
  for (const { wrong, firstWrong } of done) {
    if (wrong === 0) continue
    process.exitCode = 1
    process.stderr.write(`${side.name}: ${wrong} wrong answers: ${firstWrong ?? ''}\n`)
  }
  const total = done.reduce((sum, part) => sum + part.total, 0)
  const [serverUs = 0, postgresUs = 0, redisUs = 0] = after.map(
    (ms, n) => ((ms - (before[n] ?? 0)) * 1_000) / total
  )
  const perSecond = done.reduce((sum, part) => sum + part.perSecond, 0)
  return { perSecond, serverUs, postgresUs, redisUs }
}

const sumOf = (programs: Program[]) => programs.reduce((sum, program) => sum + cpuMsOf(program), 0)
