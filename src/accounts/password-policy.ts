import { ProblemError, type FieldProblem } from '../errors.ts'
import { normalize } from './password-hasher.ts'

const MAX_CODE_POINTS = 256

export type PasswordPolicy = ReturnType<typeof createPasswordPolicy>

/** What a new password must be. It looks at the request only, so it tells nothing about any account. */
export function createPasswordPolicy(minLength: number) {
  /**
   * @param personal the person's own words: nobody's password should be their address or name
   * @throws {ProblemError} `weak_password` with every reason
   */
  return function requireStrongPassword(
    field: string,
    password: string,
    personal: (string | undefined)[]
  ): void {
    const normalized = normalize(password)
    const length = Array.from(normalized).length
    const errors: FieldProblem[] = []
    if (length < minLength) errors.push({ field, detail: `needs at least ${minLength} characters` })
    if (length > MAX_CODE_POINTS) {
      errors.push({ field, detail: `must not be longer than ${MAX_CODE_POINTS} characters` })
    }
    if (personal.some((word) => word?.toLowerCase() === normalized.toLowerCase())) {
      errors.push({ field, detail: 'must not be your own address or name' })
    }
    if (errors.length > 0) {
      throw new ProblemError('weak_password', 'Choose a stronger password.', { errors })
    }
  }
}
