import type { Response } from 'light-my-request'
import type { Test } from 'tap'

type Answer = Pick<Response, 'statusCode' | 'headers' | 'body'>

/**
 * Asserts that an answer is a problem document (RFC 9457) of this status, and tells nothing about what
 * is inside the house or was sent.
 */
export function isProblem(t: Test, answer: Answer, status: number, what: string, secret?: string) {
  const problem = parse(answer.body)
  t.match(
    { status: answer.statusCode, type: answer.headers['content-type'], problem },
    {
      status,
      type: /^application\/problem\+json\b/,
      problem: { type: String, title: /./, status, detail: /./, code: /^[a-z_]+$/ }
    },
    what
  )
  t.notMatch(
    answer.body,
    /stack|FST_|fastify|node_modules|\.ts:\d/i,
    `${what}: nothing from inside`
  )
  if (secret !== undefined) t.notOk(answer.body.includes(secret), `${what}: no value is repeated`)
  return problem
}

export type ProblemBody = { code?: string; errors?: { field: string; detail: string }[] }

function parse(body: string): ProblemBody {
  try {
    return JSON.parse(body) as ProblemBody
  } catch {
    return {}
  }
}

/** The fields that a 422 names. */
export function fieldsOf({ errors = [] }: ProblemBody): string[] {
  return errors.map(({ field }) => field)
}
