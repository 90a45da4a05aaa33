import type { FieldProblem, ProblemError } from '../errors.ts'
import type { PageText, Texts } from './texts.ts'

/** What a page says about a refusal, and what it says about ours. */
export function problemText(error: ProblemError, texts: Texts): string {
  const { t, any, duration } = texts
  const { detail, errors, code, retryAfterSeconds } = error
  if (code === 'too_many_attempts' && retryAfterSeconds !== undefined) {
    return t('Too many attempts. Try again in {time}.', { time: duration(retryAfterSeconds) })
  }
  if (errors === undefined || errors.length === 0) return any(detail)
  const sentences = errors.map((problem) => sentenceOf(problem, texts))
  return (code === 'validation_failed' ? sentences : [any(detail), ...sentences]).join(' ')
}

const LABELS: Record<string, PageText> = {
  email: 'The e-mail address',
  name: 'The name',
  password: 'The password',
  new_password: 'The new password'
}

/** Our own details go on after the field's name; zxcvbn's are sentences already. */
function sentenceOf({ field, detail }: FieldProblem, { t, any }: Texts): string {
  if (/^[A-Z].*\.$/.test(detail)) return any(detail)
  return `${t(LABELS[field] ?? 'A field')} ${any(detail)}.`
}
