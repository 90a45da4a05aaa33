import type { Config } from '../config.ts'
import type { Platform } from '../platform/open-platform.ts'
import { createAttemptStore, type AttemptStore } from './attempt-store.ts'
import { createCaptchaVerifier } from './captcha-verifier.ts'
import { createCaptcha, noCaptcha, type Captcha } from './captcha.ts'
import { createFloodCounts, type FloodCounts } from './flood-limit.ts'
import { createGuessLaneStore } from './guess-lane-store.ts'
import { createGuessLanes } from './guess-lanes.ts'
import { createGuessLimit } from './guess-limit.ts'
import { createLoginPasses } from './login-passes.ts'

export type Abuse = ReturnType<typeof openAbuse>

const CODE_GUESSES_PER_HOUR = 5

/** What counts guesses and floods, and tells people from programs. */
export function openAbuse(platform: Platform, config: Config, onFault: (error: unknown) => void) {
  const { postgres, ephemeral, dataKeys, clock, metrics } = platform
  const store = createAttemptStore(postgres)
  const floods = createFloodCounts({ ephemeral, dataKeys })
  const limit = CODE_GUESSES_PER_HOUR
  return {
    countFlood: floods.count,
    loginPasses: createLoginPasses({ floods, clock }),
    captcha: openCaptcha(platform, config, { attempts: store, floods, onFault }),
    lanes: createGuessLanes({ store: createGuessLaneStore(postgres), dataKeys, metrics }),
    /** Wrong typed codes per address, over all codes of a kind. */
    limitCodeGuesses: (kind: string) =>
      createGuessLimit({ store, dataKeys, kind, limit, windowSeconds: 3_600 })
  }
}

type CaptchaParts = {
  attempts: AttemptStore
  floods: FloodCounts
  onFault: (error: unknown) => void
}

function openCaptcha(
  { outbound, metrics, dataKeys }: Platform,
  config: Config,
  { attempts, floods, onFault }: CaptchaParts
): Captcha {
  const { captchaProvider: provider, captchaSiteKey: siteKey, captchaSecret: secret } = config
  if (provider === undefined || siteKey === undefined || secret === undefined) return noCaptcha
  const origins = [config.issuer, ...config.corsOrigins]
  const verify = createCaptchaVerifier(
    {
      provider,
      siteKey,
      secret,
      verifyUrl: config.captchaVerifyUrl,
      minScore: config.captchaMinScore,
      hostnames: config.captchaHostnames ?? origins.map((origin) => new URL(origin).hostname)
    },
    { outbound, onFault }
  )
  const afterAttempts = config.captchaAfterAttempts
  const counting = { floods, attempts, dataKeys, metrics }
  return createCaptcha({ provider, siteKey, verify, ...counting, afterAttempts })
}
