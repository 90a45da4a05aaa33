import type { Answer } from './client.ts'

/** The tour saw something that it did not expect. The message is for the person who runs it. */
export class Surprise extends Error {
  override readonly name = 'Surprise'
}

/** @throws {Surprise} with `sentence` unless it is so */
export function expect(isSo: boolean, sentence: string): asserts isSo {
  if (!isSo) throw new Surprise(sentence)
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
  const expected = [status, code].filter(Boolean).join(' ')
  const actual = [answer.status, actualCode].filter(Boolean).join(' ')
  const why = detail === undefined ? '' : ` (${detail})`
  expect(isExpected, `${request} should answer ${expected}, and answered ${actual}${why}.`)
  return body
}
