import type { ZxcvbnFactory } from '@zxcvbn-ts/core'

/** zxcvbn's 0 (guessed at once) to 4, and in words why it is not more. */
export type Strength = { score: number; reasons: string[] }

export type EstimateStrength = (password: string, personal: string[]) => Promise<Strength>

/** Longer ones are strong enough, and would only take long to look at. */
const LOOKED_AT = 32

let estimator: Promise<ZxcvbnFactory> | undefined

/** The dictionaries (common passwords, names, words) take 100 ms to load: at the first password, not at the start. */
async function loadEstimator(): Promise<ZxcvbnFactory> {
  const [{ ZxcvbnFactory: Factory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en')
  ])
  return new Factory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations
  })
}

/** How long a password withstands guessing by somebody who knows these words about its owner. */
export const estimateStrength: EstimateStrength = async (password, personal) => {
  estimator ??= loadEstimator()
  const words = personal.flatMap((word) => [word, ...word.split(/[\s@._-]+/)])
  const known = words.filter((word) => word.length > 2)
  const { score, feedback } = (await estimator).check(password.slice(0, LOOKED_AT), known)
  const reasons = [feedback.warning, ...feedback.suggestions].filter((reason) => reason !== null)
  return { score, reasons: reasons.length > 0 ? reasons : ['is too easy to guess'] }
}
