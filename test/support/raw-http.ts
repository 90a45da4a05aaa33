import { connect } from 'node:net'
import type { TestApp } from './app.ts'

/** What came back on a connection that the other side closed. */
export type RawAnswer = {
  statusCode: number
  headers: Record<string, string>
  body: string
  tookMs: number
}

/** Makes the app listen for real. @returns its port */
export async function listen({ app }: Pick<TestApp, 'app'>): Promise<number> {
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  return Number(new URL(address).port)
}

/** So that what is sent after it comes by itself. */
const PIECE_MS = 10

/**
 * Sends bytes as they are, or piece by piece, and waits until the server closes.
 * @param drip more of them, one every second, until then
 * @throws when it has not closed within `withinMs`
 */
export async function exchange(
  port: number,
  bytes: string | Buffer | Buffer[],
  { withinMs = 5_000, drip }: { withinMs?: number; drip?: string } = {}
): Promise<RawAnswer> {
  const startedAtMs = performance.now()
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const received: Buffer[] = []
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`not closed within ${withinMs} ms: ${text().slice(0, 200)}`))
    }, withinMs)
    const dripping = setInterval(() => drip !== undefined && socket.write(drip), 1_000)
    const text = () => Buffer.concat(received).toString('latin1')
    const pieces = [bytes].flat()
    const sendNext = () => {
      const piece = pieces.shift()
      if (piece === undefined) return
      socket.write(piece)
      setTimeout(sendNext, PIECE_MS)
    }
    socket.on('connect', sendNext)
    socket.on('data', (chunk) => received.push(chunk))
    socket.on('error', () => undefined) // what came before it still counts
    socket.on('close', () => {
      clearTimeout(timer)
      clearInterval(dripping)
      resolve({ ...parse(text()), tookMs: performance.now() - startedAtMs })
    })
  })
}

/** All that came back on it, one after the other. */
export function answersIn(all: Omit<RawAnswer, 'tookMs'>): Omit<RawAnswer, 'tookMs'>[] {
  const length = Number(all.headers['content-length'] ?? 0)
  const rest = all.body.slice(length)
  const first = { ...all, body: all.body.slice(0, length) }
  return rest === '' ? [first] : [first, ...answersIn(parse(rest))]
}

function parse(text: string): Omit<RawAnswer, 'tookMs'> {
  const [head = '', ...body] = text.split('\r\n\r\n')
  const [status = '', ...lines] = head.split('\r\n')
  const headers = lines.map((line) => {
    const [name = '', ...value] = line.split(':')
    return [name.toLowerCase(), value.join(':').trim()]
  })
  return {
    statusCode: Number(/^HTTP\/1\.1 (\d{3}) /.exec(status)?.[1] ?? 0),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: body.join('\r\n\r\n')
  }
}

/** A request with a body that nobody has asked for, and after it, on the same connection, one without. */
export function withBodyThenWithout(line: string, fields: string): Buffer[] {
  const body = Buffer.alloc(300_000, 'x')
  const head = `${line}\r\nhost: id.example.com\r\n${fields}`
  const [first, last] = [`content-length: ${body.length}`, 'connection: close'].map((field) =>
    Buffer.from(`${head}${field}\r\n\r\n`)
  ) as [Buffer, Buffer]
  return [Buffer.concat([first, body.subarray(1)]), Buffer.concat([body.subarray(0, 1), last])]
}
