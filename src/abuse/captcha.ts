import { ProblemError } from '../errors.ts'
import { clientNetwork } from '../lib/client-network.ts'
import { hmacSha256 } from '../lib/secrets.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { AttemptStore } from './attempt-store.ts'
import type { CaptchaProviderName } from './captcha-providers.ts'
import type { VerifyCaptcha } from './captcha-verifier.ts'
import type { FloodCounts } from './flood-limit.ts'

/** The doors that ask; a widget is told which one it is for. */
export type CaptchaAction = 'login' | 'register' | 'forgot_password'

/** Somebody at one of these doors. */
export type Attempt = {
  action: CaptchaAction
  /** What was typed to name an account, known or not; of logins alone. */
  name?: string
  address: string
  token: string | undefined
}

/** What a client needs to show the widget, wire spelling. */
export type CaptchaChallenge = {
  provider: CaptchaProviderName
  site_key: string
  action: CaptchaAction
}

export type Captcha = { guard: <T>(attempt: Attempt, work: () => Promise<T>) => Promise<T> }

export type CaptchaDeps = {
  provider: CaptchaProviderName
  siteKey: string
  verify: VerifyCaptcha
  floods: FloodCounts
  attempts: AttemptStore
  dataKeys: DataKeys
  metrics: Metrics
  /** Suspicious attempts of an address, or under a name, after which each one needs a token. */
  afterAttempts: number
}

const WINDOW_MS = 3_600_000
/** Longer than any provider lets a token live. */
const TOKEN_SECONDS = 3_600

/** Nobody has configured one. */
export const noCaptcha: Captcha = { guard: async (_attempt, work) => work() }

/**
 * Asks for a CAPTCHA after suspicious attempts: wrong logins, registrations and mails asked for, counted
 * per client network, and wrong logins per typed name too. The check looks at the request only, before anything is hashed
 * or looked up, so a name without an account is treated alike.
 */
export function createCaptcha(deps: CaptchaDeps): Captcha {
  const { provider, siteKey, verify, floods, attempts, dataKeys, metrics, afterAttempts } = deps
  const checks = metrics.counter(
    'captcha_checks_total',
    'Attempts that needed a CAPTCHA; failed ones passed because the provider did not say',
    ['outcome']
  )

  /** @throws {ProblemError} `captcha_required` */
  async function guard<T>(attempt: Attempt, work: () => Promise<T>): Promise<T> {
    if (await isSuspicious(attempt)) await requireHuman(attempt)
    try {
      const result = await work()
      if (attempt.action !== 'login') await note(attempt)
      return result
    } catch (error) {
      if (error instanceof ProblemError && SUSPICIOUS_CODES.has(error.code)) await note(attempt)
      throw error
    }
  }

  /** Registrations and mails of a name do not count against it: whoever logs in would see that they were. */
  function subjectsOf({ address, name }: Attempt): [kind: string, subject: string][] {
    const network: [string, string] = ['captcha address', clientNetwork(address)]
    return name === undefined ? [network] : [network, ['captcha name', name]]
  }

  async function isSuspicious(attempt: Attempt): Promise<boolean> {
    const counts = subjectsOf(attempt).map(([kind, subject]) => floods.counted(kind, subject))
    return (await Promise.all(counts)).some((count) => count >= afterAttempts)
  }

  async function note(attempt: Attempt): Promise<void> {
    const counts = subjectsOf(attempt).map(([kind, subject]) =>
      floods.count(kind, subject, WINDOW_MS)
    )
    await Promise.all(counts)
  }

  async function requireHuman({ action, token }: Attempt): Promise<void> {
    const outcome = token === undefined ? 'asked' : await check(token, action)
    checks.inc({ outcome })
    if (outcome === 'passed' || outcome === 'failed') return
    const captcha: CaptchaChallenge = { provider, site_key: siteKey, action }
    throw new ProblemError('captcha_required', 'Solve the CAPTCHA, and send its token along.', {
      extensions: { captcha }
    })
  }

  /**
   * A provider that does not answer lets people pass: nobody who floods can make it so, and the limits
   * of the address, the name and the account stand as ever. Locking everybody out would be the worse fault.
   */
  async function check(token: string, action: string): Promise<'passed' | 'refused' | 'failed'> {
    if (!(await spend(token))) return 'refused'
    const verdict = await verify(token, action)
    return ({ human: 'passed', refused: 'refused', unknown: 'failed' } as const)[verdict]
  }

  /** Providers take a token once, and so do we: spent before it is judged, whatever comes of it. */
  async function spend(token: string): Promise<boolean> {
    const key = hmacSha256(dataKeys.newest('blind_index'), `captcha\0${token}`)
    return (await attempts.reserve(key, TOKEN_SECONDS)).count === 1
  }

  return { guard }
}

/** Refusals that a guesser gets: a wrong password, a name that is taken. */
const SUSPICIOUS_CODES = new Set(['invalid_credentials', 'username_taken', 'email_taken'])
