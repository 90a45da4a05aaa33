import { setTimeout as delay } from 'node:timers/promises'
import { isReserve } from '../../src/signing/ring-plan.ts'
import { EMERGENCY_NOTICE_SECONDS } from '../../src/signing/timeline.ts'
import { ScriptError, tellFailure } from '../support/run-script.ts'
import { table } from '../support/table.ts'
import { openStage, type Stage } from './drill-stage.ts'
import { startTraffic, type Failure } from './drill-traffic.ts'

const SPEED = 60
const SETTLE_SECONDS = 120
const SHOWN_FAILURES = 20
const RESERVE_WITHIN_MS = 60_000
const origin = { requestId: 'npm run keys', address: 'operator' }

export type DrillOptions = { isEmergency: boolean; json: boolean }

type Say = (text: string) => void

/**
 * A whole rotation where nothing can break: announced, signing, the one before gone, with tokens fetched and verified all
 * the while. An emergency drops the keys instead, and shows what that costs.
 * @returns the exit code: 1 when a token was refused
 */
export async function runDrill({ isEmergency, json }: DrillOptions): Promise<number> {
  const say: Say = (text) => {
    if (!json) console.log(text)
  }
  try {
    const what = isEmergency ? 'An emergency' : 'A whole rotation'
    say(`${what} on a throw-away copy, where a minute is a second.\n`)
    const stage = await openStage(SPEED)
    const tell: Say = (text) => {
      say(`  ${offset(stage, stage.nowMs())}  ${text}`)
    }
    try {
      return await drill(stage, { isEmergency, json }, say, tell)
    } finally {
      await stage.close()
    }
  } catch (error) {
    tellFailure(error)
    return 1
  }
}

async function drill(
  stage: Stage,
  { isEmergency, json }: DrillOptions,
  say: Say,
  tell: Say
): Promise<number> {
  const { algorithms } = stage.keyRing
  const traffic = await startTraffic(stage, SPEED)
  tell(`tokens of ${algorithms.join(', ')} are fetched and verified`)
  await untilReserves(stage)
  tell('every ring has a key in reserve')
  await until(stage, stage.nowMs() + SETTLE_SECONDS * 1_000)
  const endsAtMs = isEmergency ? await dropAll(stage, tell) : await rotate(stage, tell)
  await until(stage, endsAtMs + SETTLE_SECONDS * 1_000)
  const { tokens, verifications, failures, kids } = await traffic.stop()
  if (json) {
    console.log(
      JSON.stringify({ algorithms, tokens, verifications, keys: kids, failures }, null, 2)
    )
  } else {
    if (failures.length > 0) say(`\n${tellFailures(stage, failures)}`)
    say(
      `\n${tokens} tokens by ${kids} keys, verified ${verifications} times: ${failures.length} failed.`
    )
  }
  return failures.length === 0 ? 0 : 1
}

async function rotate(stage: Stage, tell: Say): Promise<number> {
  const outcomes = await stage.rotation.rotate(stage.keyRing.algorithms, origin)
  const ends: number[] = []
  for (const outcome of outcomes) {
    const { alg, kid, activeAt } = outcome
    tell(`${alg}: ${kid} will sign at ${offset(stage, activeAt.getTime())}`)
    if (outcome.kind === 'rotated') ends.push(outcome.goneAt.getTime())
  }
  await until(stage, Math.max(...outcomes.map(({ activeAt }) => activeAt.getTime())))
  tell('it signs')
  const endsAtMs = Math.max(...ends)
  await until(stage, endsAtMs)
  tell('the key before is gone')
  return endsAtMs
}

async function dropAll(stage: Stage, tell: Say): Promise<number> {
  const { algorithms } = stage.keyRing
  const act = { reason: 'emergency' as const, origin }
  // A second of notice is none where a minute is a second.
  const notice = EMERGENCY_NOTICE_SECONDS * SPEED
  const replaced = await stage.rotation.replaceAll(algorithms, notice, act)
  for (const { alg, dropped, active } of replaced) {
    tell(`${alg}: ${dropped.length} keys dropped, ${active ?? 'nothing'} signs`)
  }
  const [{ at } = { at: new Date(stage.nowMs()) }] = replaced
  return at.getTime() + stage.rotation.rules.timeline.announceSeconds * 1_000
}

async function untilReserves(stage: Stage): Promise<void> {
  const deadline = Date.now() + RESERVE_WITHIN_MS
  while (Date.now() < deadline) {
    const waiting = (await stage.findAll()).filter(isReserve)
    if (waiting.length === stage.keyRing.algorithms.length) return
    await delay(200)
  }
  throw new ScriptError('The server of the drill made no key in reserve.')
}

async function until(stage: Stage, atMs: number): Promise<void> {
  while (stage.nowMs() < atMs) await delay(50)
}

function tellFailures(stage: Stage, failures: Failure[]): string {
  const rows = failures.slice(0, SHOWN_FAILURES).map(({ atMs, alg, kid, ageSeconds, reason }) => ({
    at: offset(stage, atMs),
    alg,
    kid,
    'token is': `${ageSeconds} s old`,
    refused: reason
  }))
  const last = failures.at(-1)
  const more = failures.length - rows.length
  return [
    table(rows),
    ...(more > 0 ? [`and ${more} more, the last at ${offset(stage, last?.atMs ?? 0)}`] : [])
  ].join('\n')
}

/** Minutes and seconds since the stage began, in its own time. */
function offset({ startedAtMs }: Stage, atMs: number): string {
  const seconds = Math.round((atMs - startedAtMs) / 1_000)
  const part = (value: number) => String(value).padStart(2, '0')
  return `${part(Math.floor(seconds / 60))}:${part(seconds % 60)}`
}
