import { ServerResponse, validateHeaderValue, type IncomingMessage } from 'node:http'

declare module 'node:http' {
  interface IncomingMessage {
    /** Ours, never the caller's. */
    requestId?: string
  }
}

/** What Node is given to write: nothing, names with values, its own list, or a flat one. */
type Given = Record<string, unknown> | readonly unknown[] | null | undefined
type StoreHeader = (this: ServerResponse, firstLine: string, given: Given) => void

/** Where Node composes the head of an answer: under this name since its first releases, though no document says so. */
const storeHeader = (ServerResponse.prototype as { _storeHeader?: StoreHeader })._storeHeader

/**
 * A response that has `standing` headers (names in lower case) and its request's id from the start, each unless
 * its route says otherwise. Node checks every header of every answer anew, which takes longer than all else that
 * it does for one: these are one text.
 *
 * @returns undefined where Node composes heads in another way: the headers are then set one by one
 */
export function createStandingResponse(standing: Record<string, string>) {
  if (storeHeader === undefined) return undefined
  const values = new Map(Object.entries(standing))
  const text = headerLines(standing)
  /** By the names that a route replaces: as few as there are kinds of routes. */
  const texts = new Map<string, string>()

  /** The standing headers that are not among the `given`. */
  function linesBeside(given: Given): string {
    if (given === null || given === undefined) return text
    let replaced = ''
    for (const told of namesOf(given)) {
      const name = told.toLowerCase()
      if (values.has(name)) replaced += `${name} `
    }
    if (replaced === '') return text
    const known = texts.get(replaced) ?? textWithout(replaced.split(' '))
    texts.set(replaced, known)
    return known
  }

  function textWithout(names: string[]): string {
    const rest = Object.entries(standing).filter(([name]) => !names.includes(name))
    return headerLines(Object.fromEntries(rest))
  }

  return class<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
    /** Header lines that were made before, those that stand among them; null where they have to be found. */
    private ready: string | null = null

    /** The lines of an answer with `headers`: all but what Node and the request's id add. */
    linesWith(headers: Record<string, string>): string {
      for (const [name, value] of Object.entries(headers)) validateHeaderValue(name, value)
      return linesBeside(headers) + headerLines(headers)
    }

    /** Answers with {@link linesWith} of before. */
    endReady(lines: string, body: string, encoding: 'latin1' | 'utf8'): void {
      this.ready = lines
      this.end(body, encoding)
    }

    override getHeader(name: string) {
      return super.getHeader(name) ?? values.get(name.toLowerCase())
    }

    override hasHeader(name: string): boolean {
      return super.hasHeader(name) || values.has(name.toLowerCase())
    }

    _storeHeader(firstLine: string, given: Given): void {
      const { requestId } = this.req
      const id = requestId === undefined ? '' : `x-request-id: ${requestId}\r\n`
      storeHeader.call(this, firstLine + (this.ready ?? linesBeside(given)) + id, given)
    }
  }
}

function namesOf(given: Record<string, unknown> | readonly unknown[]): string[] {
  return Array.isArray(given) ? given.flat().map(String) : Object.keys(given)
}

export type StandingResponse = InstanceType<NonNullable<ReturnType<typeof createStandingResponse>>>

/** Whether it has them already. What answers an injected request has not. */
export function hasStandingHeaders(response: ServerResponse): response is StandingResponse {
  return 'endReady' in response
}

/** As they stand in the head of an answer. */
function headerLines(headers: Record<string, string>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
}
