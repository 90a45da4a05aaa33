import { ProblemError } from '../errors.ts'

/** What a page says about a refusal, and what it says about ours. */
export function problemText(error: ProblemError): string {
  const { detail, errors, code, retryAfterSeconds } = error
  if (code === 'too_many_attempts' && retryAfterSeconds !== undefined) {
    return `Too many attempts. Try again in ${duration(retryAfterSeconds)}.`
  }
  if (errors === undefined || errors.length === 0) return detail
  if (code !== 'validation_failed') {
    return `${detail} It ${errors.map((problem) => problem.detail).join('; ')}.`
  }
  const sentences = errors.map((problem) => `${labelOf(problem.field)} ${problem.detail}.`)
  return sentences.join(' ')
}

const LABELS: Record<string, string> = {
  email: 'The e-mail address',
  name: 'The name',
  password: 'The password',
  new_password: 'The new password'
}

function labelOf(field: string): string {
  return LABELS[field] ?? 'A field'
}

/** Rounded up, so that whoever waits so long gets in. */
export function duration(seconds: number): string {
  if (seconds < 90) return count(Math.max(1, Math.ceil(seconds)), 'second')
  if (seconds <= 5_400) return count(Math.ceil(seconds / 60), 'minute')
  return count(Math.ceil(seconds / 3_600), 'hour')
}

function count(amount: number, unit: string): string {
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}
