import type { Config } from '../config.ts'
import type { Platform } from '../platform/open-platform.ts'
import { createBreachLookup } from './breach-lookup.ts'
import { createPasswordPolicy } from './password-policy.ts'
import { createStrengthEstimator } from './password-strength.ts'

/** The policy of the settings, for the server and for scripts. */
export function openPasswordPolicy({ outbound, metrics }: Platform, config: Config) {
  const strength = createStrengthEstimator()
  const requireStrongPassword = createPasswordPolicy({
    minLength: config.passwordMinLength,
    composition: config.passwordComposition,
    isClearlyStrong: strength.isClearlyStrong,
    estimateStrength: strength.estimate,
    isBreached: config.passwordBreachCheck
      ? createBreachLookup({ outbound, metrics, baseUrl: config.passwordBreachUrl })
      : () => Promise.resolve(false)
  })
  return { requireStrongPassword, close: strength.close }
}
