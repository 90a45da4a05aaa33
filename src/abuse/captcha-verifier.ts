import { setTimeout as delay } from 'node:timers/promises'
import { UnavailableError } from '../errors.ts'
import { createGate, GateFullError } from '../lib/gate.ts'
import type { Outbound } from '../platform/outbound.ts'
import { PROVIDERS, type CaptchaProviderName } from './captcha-providers.ts'

/** `unknown`: the provider did not say, and it is not the token's fault. */
export type CaptchaVerdict = 'human' | 'refused' | 'unknown'

export type VerifyCaptcha = (token: string, action: string) => Promise<CaptchaVerdict>

export type CaptchaVerifierOptions = {
  provider: CaptchaProviderName
  siteKey: string
  secret: string
  /** Instead of the provider's own. */
  verifyUrl: string | undefined
  /** Of reCAPTCHA v3, 0 to 1. */
  minScore: number
  /** Where a widget may have been solved. */
  hostnames: string[]
}

export type CaptchaVerifierDeps = {
  outbound: Outbound
  /** Told why a verdict is `unknown`. */
  onFault: (error: unknown) => void
}

/** With the provider. */
const PATIENCE_MS = 2_000
/** In our own queue: whoever waits longer was never asked about, and that is not the provider's fault. */
const QUEUE_MS = 3_000
const AT_ONCE = 16
const WAITING = 64

/** What no token can cause: the operator's settings, or the provider itself. */
const FAULTS = ['missing-input-secret', 'invalid-input-secret', 'internal-error']

type SiteverifyAnswer = {
  success: boolean
  hostname?: unknown
  action?: unknown
  score?: unknown
  'error-codes'?: unknown
}

/** Asks a provider whether a token was earned by a human, here and for this action. It learns no address. */
export function createCaptchaVerifier(
  options: CaptchaVerifierOptions,
  { outbound, onFault }: CaptchaVerifierDeps
): VerifyCaptcha {
  const { siteKey, secret, minScore, hostnames } = options
  const provider = PROVIDERS[options.provider]
  const url = options.verifyUrl ?? provider.verifyUrl
  const gate = createGate({ concurrency: AT_ONCE, queueLength: WAITING })

  async function ask(token: string, action: string): Promise<CaptchaVerdict> {
    const { status, body } = await outbound({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        secret,
        response: token,
        ...(provider.sendsSiteKey && { sitekey: siteKey })
      }).toString()
    })
    const answer = parse(body.toString())
    if (answer !== null) return judge(answer, action)
    // An answer without words to a bad request is about the token; anything else is trouble.
    if (status >= 400 && status < 500) return 'refused'
    throw new Error(`the CAPTCHA provider answered ${status} without a verdict`)
  }

  function judge(answer: SiteverifyAnswer, action: string): CaptchaVerdict {
    const codes = Array.isArray(answer['error-codes']) ? (answer['error-codes'] as unknown[]) : []
    const fault = FAULTS.find((code) => codes.includes(code))
    if (!answer.success && fault !== undefined) throw new Error(`CAPTCHA provider: ${fault}`)
    const isHere = isAbsent(answer.hostname) || hostnames.includes(String(answer.hostname))
    const isMeant = isAbsent(answer.action) || answer.action === action
    const hasScore = provider.hasScore && answer.score !== undefined
    const isScored = !hasScore || (typeof answer.score === 'number' && answer.score >= minScore)
    return answer.success && isHere && isMeant && isScored ? 'human' : 'refused'
  }

  async function askPatiently(token: string, action: string): Promise<CaptchaVerdict> {
    const patience = new AbortController()
    try {
      const late = delay(PATIENCE_MS, undefined, { signal: patience.signal }).then(() => {
        throw new Error(`the CAPTCHA provider did not answer within ${PATIENCE_MS} ms`)
      })
      return await Promise.race([ask(token, action), late])
    } catch (error) {
      onFault(error)
      return 'unknown'
    } finally {
      patience.abort()
    }
  }

  /** Waits for a place in the queue, for so long. */
  async function inQueue(job: () => Promise<CaptchaVerdict>): Promise<CaptchaVerdict> {
    const { promise, resolve, reject } = Promise.withResolvers<CaptchaVerdict>()
    const wait = { isOver: false }
    const timer = setTimeout(() => {
      wait.isOver = true
      reject(new UnavailableError('too many CAPTCHA tokens wait'))
    }, QUEUE_MS)
    gate(async () => {
      clearTimeout(timer)
      if (!wait.isOver) resolve(await job())
    }).catch((error: unknown) => {
      clearTimeout(timer)
      reject(
        error instanceof GateFullError
          ? new UnavailableError('too many CAPTCHA tokens wait', error)
          : (error as Error)
      )
    })
    return promise
  }

  /** @throws {UnavailableError} when too many wait: a flood must not turn trouble into a way in */
  return async function verify(token, action) {
    return inQueue(() => askPatiently(token, action))
  }
}

function parse(text: string): SiteverifyAnswer | null {
  try {
    const answer = JSON.parse(text) as Partial<SiteverifyAnswer> | null
    return typeof answer?.success === 'boolean' ? (answer as SiteverifyAnswer) : null
  } catch {
    return null
  }
}

/** hCaptcha says `not-provided` where it does not want to tell. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === 'not-provided'
}
