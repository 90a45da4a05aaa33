import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

/** One HTTP request, whichever server it goes to. */
export type Call = {
  path: string
  method?: 'GET' | 'POST' | 'DELETE'
  json?: object
  form?: Record<string, string>
  token?: string
  headers?: Record<string, string>
}

export type Answer = {
  status: number
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
  tookMs: number
}

/** Longer than any server may take, so that what is cut off here is a broken promise by itself. */
const PATIENCE_MS = 15_000
const agent = new Agent({ keepAlive: true, maxSockets: 512 })

/** What stands for an answer where nobody listens: whoever asks knows that nothing was done. */
const REFUSED = { status: 0, headers: {}, body: {}, tookMs: 0 } satisfies Answer

/**
 * Sends `call` to a server that may die under it.
 * @returns null when no (whole) answer came, and {@link REFUSED} when there was no connection
 */
export async function sendCall(base: string, call: Call): Promise<Answer | null> {
  const { json, form, token, path } = call
  const text = json !== undefined ? JSON.stringify(json) : form && String(new URLSearchParams(form))
  const type = json !== undefined ? 'application/json' : 'application/x-www-form-urlencoded'
  const startedAtMs = performance.now()
  const headers = {
    ...(text !== undefined && { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...call.headers
  }
  const method = call.method ?? (text === undefined ? 'GET' : 'POST')
  const signal = AbortSignal.timeout(PATIENCE_MS)
  return new Promise((resolve) => {
    const fail = () => {
      resolve(null)
    }
    const sending = request(base + path, { agent, method, headers, signal }, (incoming) => {
      readWhole(incoming).then((received) => {
        if (!incoming.complete) fail()
        const tookMs = Math.round(performance.now() - startedAtMs)
        const { statusCode: status = 0 } = incoming
        resolve({ status, headers: incoming.headers, body: parse(received), tookMs })
      }, fail)
    })
    sending.on('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code === 'ECONNREFUSED' ? REFUSED : null)
    })
    sending.end(text)
  })
}

async function readWhole(incoming: IncomingMessage): Promise<string> {
  const chunks = (await incoming.toArray()) as Buffer[]
  return Buffer.concat(chunks).toString()
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** The cookies that an answer sets, as a browser would send them. */
export function cookiesOf({ headers }: Answer): string {
  const pairs = (headers['set-cookie'] ?? []).map((line) => line.split(';', 1)[0]!)
  return pairs.filter((pair) => !pair.endsWith('=')).join('; ')
}

/** What only a page of the issuer's own sends. */
export const fromOwnPage = (cookie: string) => ({ 'sec-fetch-site': 'same-origin', cookie })
