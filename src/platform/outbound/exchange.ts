import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { OutboundError } from './outbound-error.ts'
import type { Address } from './public-address.ts'
import type { Target } from './target.ts'

export type OutboundRequest = {
  url: string
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string | Buffer
  /** Instead of {@link MAX_ANSWER_BYTES}, for a service that is known to say more. */
  maxAnswerBytes?: number
}

export type OutboundResponse = { status: number; headers: Record<string, string>; body: Buffer }

const MAX_ANSWER_BYTES = 65_536
const MAX_HEADER_BYTES = 16_384

export type ExchangeOptions = {
  target: Target
  request: OutboundRequest
  /** Checked ones: nothing is looked up again, so that a name cannot change its mind. */
  addresses: Address[]
  signal: AbortSignal
  /** Certificates to trust beside the public ones. */
  ca: string[] | undefined
}

/**
 * One request on a connection of its own, and the whole answer. Redirects are answers.
 * @throws {OutboundError} `unreachable`, `too_large`; or the reason of the signal
 */
export async function exchange(options: ExchangeOptions): Promise<OutboundResponse> {
  const { target, request, addresses, signal, ca } = options
  const body = Buffer.from(request.body ?? '')
  const method = request.method ?? 'GET'
  const settings: RequestOptions = {
    method,
    agent: false,
    headers: {
      'user-agent': 'Latchkey',
      accept: '*/*',
      ...request.headers,
      // An answer that is not packed cannot grow when it is unpacked.
      'accept-encoding': 'identity',
      ...(method === 'POST' && { 'content-length': String(body.length) })
    },
    lookup: (_host, { all }, callback) => {
      const [first] = addresses
      if (all === true) callback(null, addresses)
      else callback(null, first?.address ?? '', first?.family)
    },
    maxHeaderSize: MAX_HEADER_BYTES,
    signal
  }
  try {
    const answer = await send(target, settings, ca, method === 'POST' ? body : undefined)
    return {
      status: answer.statusCode ?? 0,
      headers: flatHeaders(answer),
      body: await readBody(answer, target.host, request.maxAnswerBytes ?? MAX_ANSWER_BYTES)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof OutboundError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? 'no answer'
    const reason = code === 'HPE_HEADER_OVERFLOW' ? 'too_large' : 'unreachable'
    throw new OutboundError(reason, target.host, code, error)
  }
}

async function send(
  { url }: Target,
  settings: RequestOptions,
  ca: string[] | undefined,
  body: Buffer | undefined
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'http:'
        ? httpRequest(url, settings)
        : httpsRequest(url, { ...settings, minVersion: 'TLSv1.2', ...(ca && { ca }) })
    request.once('response', resolve)
    request.on('error', reject)
    request.once('close', () => {
      reject(new Error('closed without an answer'))
    })
    request.end(body)
  })
}

/** Stops at the first byte too many: what is declared larger is not read at all. */
async function readBody(answer: IncomingMessage, host: string, maxBytes: number): Promise<Buffer> {
  const tooLarge = () => {
    answer.destroy()
    return new OutboundError('too_large', host, `answered more than ${maxBytes} bytes`)
  }
  if (Number(answer.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function flatHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')])
  )
}
