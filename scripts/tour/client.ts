import type { Answer } from './answer.ts'
import type { Guide } from './guide.ts'
import { printable, shorten } from './print.ts'
import { Surprise } from './surprise.ts'

const PATIENCE_MS = 10_000

type Request = {
  method: 'GET' | 'POST'
  path: string
  body?: object | undefined
  accessToken?: string | undefined
}

export type Client = ReturnType<typeof createClient>

/** Sends requests to `origin` and shows each with its answer, secrets shortened. */
export function createClient(origin: string, note: Guide['note']) {
  /** @throws {Surprise} when nobody answers */
  async function exchange({ method, path, body, accessToken }: Request): Promise<Answer> {
    const response = await fetch(origin + path, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` })
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS)
    }).catch((cause: unknown) => {
      const advice = 'Start one with: npm start, or say where it is: npm run tour -- URL'
      throw new Surprise(`No server answers at ${origin}. ${advice}`, { cause })
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    const content: unknown = isJson ? JSON.parse(text) : null
    return {
      request: shownRequest(method, path),
      status: response.status,
      body: content,
      shown: isJson
        ? printable(content)
        : `a page: ${/<title>(.*)<\/title>/.exec(text)?.[1] ?? ''}`,
      challenge: response.headers.get('www-authenticate'),
      retryAfter: response.headers.get('retry-after')
    }
  }

  function shownRequest(method: string, path: string): string {
    const query = path.replace(
      /token=([\w-]+)/,
      (_match, token: string) => `token=${shorten(token)}`
    )
    return `${method} ${origin}${query}`
  }

  async function send(request: Request): Promise<Answer> {
    const { method, path, body, accessToken } = request
    const content = body === undefined ? '' : ` ${printable(body)}`
    note('>', shownRequest(method, path) + content)
    if (accessToken !== undefined) note('>', `Authorization: Bearer ${shorten(accessToken)}`)
    const answer = await exchange(request)
    note('<', `${answer.status} ${answer.shown}`)
    if (answer.challenge !== null) note('<', `WWW-Authenticate: ${answer.challenge}`)
    return answer
  }

  return {
    get: (path: string, accessToken?: string) => send({ method: 'GET', path, accessToken }),
    post: (path: string, body?: object, accessToken?: string) =>
      send({ method: 'POST', path, body, accessToken }),
    /** A GET that shows nothing. */
    peek: (path: string) => exchange({ method: 'GET', path })
  }
}
