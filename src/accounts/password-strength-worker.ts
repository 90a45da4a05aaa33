import { parentPort } from 'node:worker_threads'
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import * as english from '@zxcvbn-ts/language-en'
import type { Strength, StrengthQuestion } from './password-strength.ts'

/** Longer ones are strong enough, and would only take long to look at. */
const LOOKED_AT = 32
/** Spellings such as `p4$$w0rd` that are tried; the default of 512 makes one password take 150 ms. */
const SPELLINGS = 20

const estimator = new ZxcvbnFactory({
  dictionary: { ...common.dictionary, ...english.dictionary },
  graphs: common.adjacencyGraphs,
  translations: english.translations,
  l33tMaxSubstitutions: SPELLINGS
})

function estimate({ password, personal }: StrengthQuestion): Strength {
  const words = personal.flatMap((word) => [word, ...word.split(/[\s@._-]+/)])
  const known = words.filter((word) => word.length > 2)
  const { score, feedback } = estimator.check(password.slice(0, LOOKED_AT), known)
  const reasons = [feedback.warning, ...feedback.suggestions].filter((reason) => reason !== null)
  return { score, reasons: reasons.length > 0 ? reasons : ['is too easy to guess'] }
}

parentPort?.on('message', (question: StrengthQuestion) => {
  parentPort?.postMessage(estimate(question))
})
