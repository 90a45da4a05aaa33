import { parentPort } from 'node:worker_threads'
import { Options, ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import * as english from '@zxcvbn-ts/language-en'
import { lookedAt, ownWords } from './looked-at.ts'
import type { Strength, StrengthQuestion, Told } from './password-strength.ts'
import { buildLexicon, type Lexicon } from './strength-lexicon.ts'

/** Spellings such as `p4$$w0rd` that are tried; the default of 512 makes one password take 150 ms. */
const SPELLINGS = 20

const dictionary = { ...common.dictionary, ...english.dictionary }
const graphs = common.adjacencyGraphs
const estimator = new ZxcvbnFactory({
  dictionary,
  graphs,
  translations: english.translations,
  l33tMaxSubstitutions: SPELLINGS
})

function estimate({ password, personal }: StrengthQuestion): Strength {
  const { score, feedback } = estimator.check(lookedAt(password), ownWords(personal))
  const reasons = [feedback.warning, ...feedback.suggestions].filter((reason) => reason !== null)
  return { score, reasons: reasons.length > 0 ? reasons : ['is too easy to guess'] }
}

function lexicon(): Lexicon {
  const defaults = new Options()
  const isWordSequence = (name: string) => defaults.isWordSequence(name)
  return buildLexicon({ l33tTable: defaults.l33tTable, dictionary, isWordSequence, graphs })
}

const tell = (told: Told) => parentPort?.postMessage(told)
let isFirst = true

parentPort?.on('message', (question: StrengthQuestion) => {
  tell({ strength: estimate(question) })
  if (isFirst) tell({ lexicon: lexicon() })
  isFirst = false
})
