import { randomInt } from 'node:crypto'
import type { Response } from 'light-my-request'
import type { TestApp } from './app.ts'
import type { Operation } from './operations.ts'

export type Sent = {
  /** What stands in the place of `{id}`. */
  id?: string
  query?: string
  body?: unknown
  /** Instead of `body`, as it is. */
  payload?: string
  type?: string
  token?: string
  headers?: Record<string, string>
  remoteAddress?: string
  /** Another server than the usual one. */
  at?: Pick<TestApp, 'app'>
}

export type CallLog = ReturnType<typeof createCallLog>

/** Calls operations by the name that the document gives them, and notes every status that they answer. */
export function createCallLog(app: TestApp, operations: Operation[]) {
  const answered = new Map(operations.map(({ name }) => [name, new Set<number>()]))

  async function call(name: string, sent: Sent = {}): Promise<Response> {
    const operation = operations.find((one) => one.name === name)
    if (operation === undefined) throw new Error(`The document has no ${name}.`)
    const { id = '00000000-0000-7000-8000-000000000000', query, body, token, at = app } = sent
    const payload = sent.payload ?? (body === undefined ? undefined : JSON.stringify(body))
    const answer = await at.app.inject({
      method: operation.method,
      url: operation.path.replaceAll('{id}', id) + (query === undefined ? '' : `?${query}`),
      headers: {
        ...(payload !== undefined && { 'content-type': sent.type ?? 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...sent.headers
      },
      ...(payload !== undefined && { payload }),
      // An address of its own, so that no limit per address answers instead.
      remoteAddress: sent.remoteAddress ?? `198.51.${randomInt(256)}.${randomInt(1, 255)}`
    })
    answered.get(name)?.add(answer.statusCode)
    return answer
  }

  return { call, answered }
}
