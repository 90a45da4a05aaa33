import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { createGate } from '../lib/gate.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Outbound } from '../platform/outbound.ts'

/** Hexadecimal digits of the SHA-1 that are told: some thousand breached passwords begin with the same ones. */
const PREFIX_LENGTH = 5
/** Whoever registers waits so long at most; without an answer the password passes. */
const PATIENCE_MS = 1_000
/** A range of today has some 60 KB, and grows. */
const MAX_ANSWER_BYTES = 262_144
/** While the service hangs, no more than these wait for it. */
const AT_ONCE = 32

export type IsBreached = (password: string) => Promise<boolean>

export type BreachLookupDeps = {
  outbound: Outbound
  metrics: Metrics
  /** What the prefix is appended to. */
  baseUrl: string
}

/**
 * Asks a service of the range format of Have I Been Pwned whether a password is known from breaches. It
 * learns the first 20 bits of the SHA-1, and the padded answer's length tells nobody which.
 *
 * Fails open: strength has been checked already, and nobody is kept from registering by a service that
 * is away. The counter tells the operator.
 */
export function createBreachLookup({ outbound, metrics, baseUrl }: BreachLookupDeps): IsBreached {
  const gate = createGate({ concurrency: AT_ONCE, queueLength: 0 })
  const outcomes = metrics.counter(
    'password_breach_lookups_total',
    'Looks at whether a new password is known from breaches; a failed one lets it pass',
    ['outcome']
  )

  async function find(password: string): Promise<'breached' | 'clean'> {
    const hash = createHash('sha1').update(password).digest('hex').toUpperCase()
    const { status, body } = await outbound({
      url: baseUrl + hash.slice(0, PREFIX_LENGTH),
      headers: { 'add-padding': 'true' },
      maxAnswerBytes: MAX_ANSWER_BYTES
    })
    if (status !== 200) throw new Error(`the look-up answered ${status}`)
    const lines = body.toString('latin1').toUpperCase().split(/\r?\n/)
    const suffix = `${hash.slice(PREFIX_LENGTH)}:`
    // Padding is made of suffixes that were seen 0 times.
    const isListed = lines.some((line) => line.startsWith(suffix) && !/^0*$/.test(line.slice(36)))
    return isListed ? 'breached' : 'clean'
  }

  return async function isBreached(password) {
    const patience = new AbortController()
    const late = delay(PATIENCE_MS, 'failed' as const, { signal: patience.signal })
    late.catch(() => undefined)
    const found = gate(() => find(password)).catch(() => 'failed' as const)
    const outcome = await Promise.race([found, late])
    patience.abort()
    outcomes.inc({ outcome })
    return outcome === 'breached'
  }
}
