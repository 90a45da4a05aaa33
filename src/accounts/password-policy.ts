import { ProblemError, type FieldProblem } from '../errors.ts'
import type { IsBreached } from './breach-lookup.ts'
import { normalize } from './password-hasher.ts'
import type { EstimateStrength, IsClearlyStrong } from './password-strength.ts'

const MAX_CODE_POINTS = 256
/** zxcvbn: 3 withstands an offline attack on a slow hash. */
const LEAST_SCORE = 3

/** Kinds of characters that a policy may ask for. A letter without case is neither upper nor lower. */
const CHARACTERS = {
  lower: { pattern: /\p{Ll}/u, detail: 'needs a lower case letter' },
  upper: { pattern: /\p{Lu}/u, detail: 'needs an upper case letter' },
  digit: { pattern: /\p{Nd}/u, detail: 'needs a digit' },
  symbol: { pattern: /[^\p{L}\p{M}\p{N}]/u, detail: 'needs a character that is no letter or digit' }
} as const

export type CharacterKind = keyof typeof CHARACTERS

export type PasswordPolicy = ReturnType<typeof createPasswordPolicy>

export type PasswordPolicyDeps = {
  minLength: number
  /** Kinds that every password needs: for those whose rules ask for them, they make none stronger. */
  composition: readonly CharacterKind[]
  isClearlyStrong: IsClearlyStrong
  estimateStrength: EstimateStrength
  isBreached: IsBreached
}

/** What a new password must be. It looks at the request only, so it tells nothing about any account. */
export function createPasswordPolicy(deps: PasswordPolicyDeps) {
  const { minLength, composition, isClearlyStrong, estimateStrength, isBreached } = deps

  /**
   * @param field the name of the field that the reasons are for
   * @param personal the person's own words: nobody's password should be made of them
   * @throws {ProblemError} `weak_password` with every reason
   */
  return async function requireStrongPassword(
    field: string,
    password: string,
    personal: (string | null | undefined)[]
  ): Promise<void> {
    const normalized = normalize(password)
    const words = personal.filter((word) => typeof word === 'string')
    const details = [
      ...lengthProblems(normalized, minLength),
      ...compositionProblems(normalized, composition),
      ...ownWordProblems(normalized, words)
    ]
    if (details.length === 0 && !isClearlyStrong(normalized, words)) {
      const { score, reasons } = await estimateStrength(normalized, words)
      if (score < LEAST_SCORE) details.push(...reasons)
    }
    if (details.length === 0 && (await isBreached(normalized))) {
      details.push('is known from a data breach')
    }
    if (details.length === 0) return
    const errors: FieldProblem[] = details.map((detail) => ({ field, detail }))
    throw new ProblemError('weak_password', 'Choose a stronger password.', { errors })
  }
}

function lengthProblems(password: string, minLength: number): string[] {
  const length = Array.from(password).length
  if (length < minLength) return [`needs at least ${minLength} characters`]
  if (length > MAX_CODE_POINTS) return [`must not be longer than ${MAX_CODE_POINTS} characters`]
  return []
}

function compositionProblems(password: string, kinds: readonly CharacterKind[]): string[] {
  const missing = kinds.map((kind) => CHARACTERS[kind])
  return missing.filter(({ pattern }) => !pattern.test(password)).map(({ detail }) => detail)
}

function ownWordProblems(password: string, words: string[]): string[] {
  const asked = password.toLowerCase()
  const whole = words.map((word) => word.toLowerCase())
  const isOwn = whole.includes(asked) || isMadeOf(asked, whole.flatMap(partsOf))
  return isOwn ? ['must not be your own address or name'] : []
}

const SEPARATORS = /[\s@._-]+/g

/** Their order, and what stands between them, makes own words no harder to guess. */
function isMadeOf(password: string, words: string[]): boolean {
  const longestFirst = words.toSorted((a, b) => b.length - a.length)
  const left = longestFirst.reduce((rest, word) => rest.replaceAll(word, ' '), password)
  return left !== password && left.replaceAll(SEPARATORS, '').length <= 2
}

/** A word that takes part has three characters at least. */
function partsOf(word: string): string[] {
  return word.split(SEPARATORS).filter((part) => part.length > 2)
}
