import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Latchkey } from './latchkey.ts'
import { startServer } from './latchkey.ts'
import { startDriver } from './load/drive.ts'
import type { Operation, Subject } from './operations.ts'
import type { Place } from './place.ts'
import { peakRssMibOf, rssMibOf } from './process-usage.ts'
import { latchkeySubject } from './subjects/latchkey.ts'

/** What is no rate: a figure, and the most that the project allows itself. */
export type Beside = { what: string; value: number; atMost: number; unit: 'ms' | 'MiB' }

const FLOOD_CONNECTIONS = 16
const IDLE_MS = 5_000
const QUIET_CONNECTIONS = 10
/** Of each route with 10 connections, in ms at p95. */
const QUIET_P95_MS: [Operation, number][] = [
  ['register', 500],
  ['login', 200],
  ['refresh', 100],
  ['verify-token', 50]
]

/** Start, memory, and how the rest of the server fares while people log in. The server is started anew. */
export async function measureBesides(
  place: Place,
  latchkey: Latchkey,
  measureMs: number
): Promise<Beside[]> {
  await latchkey.stop()
  const found: Beside[] = []
  const note = (what: string, unit: Beside['unit'], value: number, atMost: number) =>
    found.push({ what, value: Number(value.toFixed(1)), atMost, unit })

  const logFile = join(place.folder, 'server.log')
  const starts: number[] = []
  for (let n = 0; n < 3; n += 1) {
    const started = await startServer(latchkey.env, logFile)
    starts.push(started.readyMs)
    if (n < 2) await started.stop()
    else {
      place.onClose(started.stop)
      latchkey = { ...latchkey, ...started }
    }
  }
  note('cold start to ready', 'ms', starts.toSorted((a, b) => a - b)[1] ?? 0, 800)
  await sleep(IDLE_MS) // it loads a part of itself once it is ready
  note('RSS idle', 'MiB', rssMibOf(latchkey.program), 150)

  const subject = await latchkeySubject(latchkey)
  const timing = { warmUpMs: 500, measureMs }
  for (const [operation, atMost] of QUIET_P95_MS) {
    const { p95Ms } = await drive(subject, operation, { connections: QUIET_CONNECTIONS, ...timing })
    note(`${operation} p95 with ${QUIET_CONNECTIONS} connections`, 'ms', p95Ms, atMost)
  }

  for (const [operation, atMost] of [
    ['verify-token', 50],
    ['refresh', 25]
  ] as const) {
    const load = { connections: QUIET_CONNECTIONS, ...timing }
    const flood = { connections: FLOOD_CONNECTIONS, warmUpMs: 0, measureMs: measureMs + 1_000 }
    const [, { p99Ms }] = await Promise.all([
      drive(subject, 'login', flood),
      drive(subject, operation, load)
    ])
    note(`${operation} p99 while ${FLOOD_CONNECTIONS} log in`, 'ms', p99Ms, atMost)
  }
  note('peak RSS, a login flood included', 'MiB', peakRssMibOf(latchkey.program), 512)
  return found
}

let runs = 0

/** With load processes of its own: two loads at once shall not wait for each other. */
async function drive(
  { port, scenarios }: Subject,
  operation: Operation,
  load: { connections: number; warmUpMs: number; measureMs: number }
) {
  const scenario = await scenarios[operation]?.()
  if (scenario === undefined) throw new Error(`Latchkey has no ${operation}.`)
  const driver = startDriver(1)
  try {
    return await driver.drive({ key: `beside ${runs++}`, port, scenario, ...load })
  } finally {
    driver.close()
  }
}

export function reportBesides(besides: Beside[]): void {
  for (const { what, value, atMost, unit } of besides) {
    const mark = value > atMost ? '!' : ''
    console.log(`${what.padEnd(44)} ${value}${mark} ${unit} (at most ${atMost})`)
  }
}
