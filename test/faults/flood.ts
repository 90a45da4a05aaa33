import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import type { Teardown } from '../support/database.ts'
import { figuresOf, percentile, type Figures } from '../support/faults/figures.ts'
import { createActs } from '../support/faults/acts.ts'
import { createLedger, verifying } from '../support/faults/ledger.ts'
import { linksIn, openWorld } from '../support/faults/world.ts'
import type { Scenario } from './scenario.ts'

const FLOOD_MS = 15_000
const CALM_MS = 3_000
const ATTACKERS = 200
const CHECKERS = 4
const BETWEEN_CHECKS_MS = 10
/** SECURITY F6. */
const SHEDS_WITHIN_MS = 1_000
const CHECKS_WITHIN_MS = 100
const MEMORY_MIB = 512

/** F6: logins from ever other addresses under ever other names, as fast as they come, beside people who verify tokens. */
export const FLOOD: Scenario[] = [
  {
    name: 'login-flood',
    title: `F6 login flood, ${ATTACKERS} at once for ${FLOOD_MS / 1_000} s, to one server`,
    run
  }
]

async function run(t: Teardown): Promise<Figures> {
  const world = await openWorld(t, {
    servers: 1,
    env: { TRUSTED_PROXIES: '127.0.0.1', ARGON2_WAIT_MS: '600' }
  })
  const ledger = createLedger(world.bases)
  const acts = createActs(ledger, linksIn(world.sink))
  const session = await acts.login(await acts.newPerson())
  const state = { isStopping: false }

  const checking = Array.from({ length: CHECKERS }, async () => {
    while (!state.isStopping) {
      await ledger.trySession(session, ledger.state.bases[0]!)
      await delay(BETWEEN_CHECKS_MS)
    }
  })
  ledger.state.phase = 'before'
  await delay(CALM_MS)
  ledger.state.phase = 'fault'
  const until = performance.now() + FLOOD_MS
  const flood = Array.from({ length: ATTACKERS }, async () => {
    while (performance.now() < until) await ledger.ask(guess())
  })
  await Promise.all(flood)
  state.isStopping = true
  await Promise.all(checking)
  await acts.refresh(session)
  const answer = await ledger.ask(verifying(session.accessToken))
  if (answer?.status !== 200) ledger.broken.lost.push('the session')

  const flooded = ledger.samples.filter(({ phase }) => phase === 'fault')
  const checks = flooded.filter(({ path }) => path === '/verify-token')
  const shed = flooded.filter(({ status }) => status === 429 || status === 503)
  const p99Ms = percentile(
    checks.map(({ tookMs }) => tookMs),
    0.99
  )
  const shedMs = percentile(
    shed.map(({ tookMs }) => tookMs),
    1
  )
  for (const status of new Set(flooded.map((sample) => sample.status))) {
    for (const path of new Set(flooded.map((sample) => sample.path))) {
      const times = flooded
        .filter((sample) => sample.status === status && sample.path === path)
        .map(({ tookMs }) => tookMs)
      if (times.length > 0)
        console.error(`  ${path} ${status}: ${times.length}, ms ${spreadOf(times)}`)
    }
  }
  const memoryMib = await peakMemoryMib(world.servers[0]!.pid!)
  console.error(
    `  ${flooded.length - checks.length} logins, ${shed.length} shed, the slowest of them after ${shedMs} ms; ` +
      `${checks.length} checks of tokens, p99 ${p99Ms} ms; memory at most ${memoryMib} MiB`
  )
  const figures = figuresOf(FLOOD[0]!.title, ledger, 0)
  return {
    ...figures,
    broken: [
      ...figures.broken,
      ...over('shed after ms', shedMs, SHEDS_WITHIN_MS),
      ...over('token checks p99 ms', p99Ms, CHECKS_WITHIN_MS),
      ...over('memory MiB', memoryMib, MEMORY_MIB)
    ]
  }
}

/** Each from another address and of another name: no limit but the queue of password hashes is met. */
function guess() {
  const [a, b, c] = randomBytes(3)
  const json = {
    email: `${randomBytes(8).toString('hex')}@example.com`,
    password: 'not-the-password'
  }
  return { path: '/auth/login', json, headers: { 'x-forwarded-for': `10.${a!}.${b!}.${c!}` } }
}

async function peakMemoryMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1_024)
}

const spreadOf = (times: number[]) =>
  `p50 ${percentile(times, 0.5)}, p99 ${percentile(times, 0.99)}, max ${percentile(times, 1)}`

const over = (what: string, measured: number, promised: number) =>
  measured <= promised ? [] : [`${what}: ${measured}, promised ${promised}`]
