import { expect, Surprise } from './surprise.ts'

export type Answer = {
  /** What was asked, as it was shown. */
  request: string
  status: number
  /** JSON; null for everything else. */
  body: unknown
  /** What is printed of it. */
  shown: string
  /** The `WWW-Authenticate` header. */
  challenge: string | null
  /** The `Retry-After` header, in seconds. */
  retryAfter: string | null
}

/**
 * @param code what a refusal has to say, in the body or the challenge
 * @returns the body
 * @throws {Surprise} when another answer came
 */
export function expectAnswer(answer: Answer, status: number, code?: string): unknown {
  const { request, body, challenge } = answer
  const { code: actualCode, detail } = (body ?? {}) as { code?: string; detail?: string }
  const isExpected =
    answer.status === status &&
    (code === undefined || actualCode === code || challenge?.includes(code) === true)
  if (!isExpected && answer.status === 429) throw new Surprise(limited(answer))
  const expected = [status, code].filter(Boolean).join(' ')
  const actual = [answer.status, actualCode].filter(Boolean).join(' ')
  const why = detail === undefined ? '' : ` (${detail})`
  expect(isExpected, `${request} should answer ${expected}, and answered ${actual}${why}.`)
  return body
}

const LIMITS: Record<string, string> = {
  '/auth/register': 'RATE_LIMIT_REGISTER_PER_HOUR',
  '/auth/login': 'RATE_LIMIT_LOGIN_PER_MINUTE'
}

/** Which setting it is, how long to wait, and what ends the wait. */
function limited({ request, retryAfter }: Answer): string {
  const setting = Object.entries(LIMITS).find(([path]) => request.includes(path))?.[1]
  const wait = retryAfter === null ? 'a while' : `${retryAfter} seconds`
  const more = setting === undefined ? '' : ` ${setting}=1000 npm start allows more.`
  return (
    `${setting ?? 'A limit of the server'} is used up by this address (429). Wait ${wait}, or restart ` +
    `the development server: that clears it, where no REDIS_URL is set.${more}`
  )
}
