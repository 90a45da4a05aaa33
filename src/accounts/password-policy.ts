import { ProblemError, type FieldProblem } from '../errors.ts'
import { normalize } from './password-hasher.ts'
import type { EstimateStrength } from './password-strength.ts'

const MAX_CODE_POINTS = 256
/** zxcvbn: 3 withstands an offline attack on a slow hash. */
const LEAST_SCORE = 3

export type PasswordPolicy = ReturnType<typeof createPasswordPolicy>

export type PasswordPolicyDeps = { minLength: number; estimateStrength: EstimateStrength }

/** What a new password must be. It looks at the request only, so it tells nothing about any account. */
export function createPasswordPolicy({ minLength, estimateStrength }: PasswordPolicyDeps) {
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
    const details = lengthProblems(normalized, minLength)
    if (personal.some((word) => word?.toLowerCase() === normalized.toLowerCase())) {
      details.push('must not be your own address or name')
    }
    if (details.length === 0) {
      const words = personal.filter((word) => typeof word === 'string')
      const { score, reasons } = await estimateStrength(normalized, words)
      if (score < LEAST_SCORE) details.push(...reasons)
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
