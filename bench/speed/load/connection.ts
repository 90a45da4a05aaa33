import { connect } from 'node:net'

export type Answer = { status: number; head: string; body: string }

export type Connection = Awaited<ReturnType<typeof openConnection>>

/**
 * One keep-alive connection with one request at a time. It reads as much of HTTP/1.1 as the servers here
 * speak and no more: a general client takes longer for a request than the fastest of them for its answer.
 */
export async function openConnection(port: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject)
  })
  let received: Buffer | null = null
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null

  socket.on('data', (chunk) => {
    received = received === null ? chunk : Buffer.concat([received, chunk])
    const answer = readAnswer(received)
    if (answer === null) return
    received = null
    const asked = waiting
    waiting = null
    asked?.resolve(answer)
  })
  const fail = (error: Error) => {
    waiting?.reject(error)
    waiting = null
  }
  socket.on('error', fail)
  socket.on('close', () => {
    fail(new Error('The server closed the connection.'))
  })

  return {
    ask(request: string): Promise<Answer> {
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request, 'latin1')
      })
    },
    close: () => socket.destroy()
  }
}

/** @returns null while more has to come */
function readAnswer(bytes: Buffer): Answer | null {
  const headEnds = bytes.indexOf('\r\n\r\n')
  if (headEnds < 0) return null
  const head = bytes.toString('latin1', 0, headEnds)
  const status = Number(head.slice(9, 12))
  const bodyAt = headEnds + 4
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = bodyAt + Number(length)
    return bytes.length < end ? null : { status, head, body: bytes.toString('utf8', bodyAt, end) }
  }
  if (!/transfer-encoding: chunked/i.test(head)) return { status, head, body: '' }
  const body = readChunks(bytes.subarray(bodyAt))
  return body === null ? null : { status, head, body }
}

function readChunks(bytes: Buffer): string | null {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnds = bytes.indexOf('\r\n', at)
    if (lineEnds < 0) return null
    const size = parseInt(bytes.toString('latin1', at, lineEnds), 16)
    const end = lineEnds + 2 + size
    if (bytes.length < end + 2) return null
    if (size === 0) return Buffer.concat(parts).toString()
    parts.push(bytes.subarray(lineEnds + 2, end))
    at = end + 2
  }
}

/** The value of a header, or undefined. */
export function headerOf({ head }: Answer, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim()
}

/** The bytes of a request. A body gets its length; its type is among `headers`. */
export function writeRequest(
  method: 'GET' | 'POST',
  path: string,
  headers: Record<string, string> = {},
  body?: string
): string {
  const all = {
    host: '127.0.0.1',
    ...headers,
    ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) })
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`
}
