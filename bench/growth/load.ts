import { Agent, request } from 'node:http'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

const REFUSED_PAUSE_MS = 100

export type Answer = { status: number; body: string; tookMs: number; location?: string }
export type Ask = {
  method?: string
  path: string
  /** What `Authorization` says; nothing where there is none. */
  authorization?: string
  cookie?: string
  /** JSON, or a form where it is text. */
  body?: object | string
}

/** Keeps its connections open: what is measured is the answer alone. */
export function createClient(port: number, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })

  async function ask({ method = 'GET', path, authorization, cookie, body }: Ask): Promise<Answer> {
    const isForm = typeof body === 'string'
    const sending = isForm ? body : body === undefined ? '' : JSON.stringify(body)
    const headers = {
      ...(authorization !== undefined && { authorization }),
      ...(cookie !== undefined && { cookie }),
      ...(body !== undefined && {
        'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json',
        'content-length': Buffer.byteLength(sending)
      })
    }
    const startedAtMs = performance.now()
    const sent = request({ agent, port, host: '127.0.0.1', method, path, headers })
    sent.end(sending)
    const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
    const chunks = (await answer.toArray()) as Buffer[]
    const tookMs = performance.now() - startedAtMs
    const { statusCode: status = 0, headers: told } = answer
    const { location } = told
    const text = Buffer.concat(chunks).toString()
    return { status, body: text, tookMs, ...(location !== undefined && { location }) }
  }

  return {
    ask,
    close: () => {
      agent.destroy()
    }
  }
}

export type Slice = { count: number; refused: number; ms: number; tookMs: number[] }

/**
 * Asks again and again, so many at a time, for so long. A wrong answer ends it: it is no throughput. A 503 is none
 * either, but one of a busy machine does not end a run of half an hour.
 */
export async function drive(
  connections: number,
  forMs: number,
  one: () => Promise<Answer>
): Promise<Slice> {
  const startedAtMs = performance.now()
  const tookMs: number[] = []
  let refused = 0
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() - startedAtMs < forMs) {
        const { status, body, tookMs: ms } = await one()
        if (status === 503) {
          refused += 1
          await delay(REFUSED_PAUSE_MS)
          continue
        }
        if (status !== 200 && status !== 201) throw new Error(`${status}: ${body.slice(0, 200)}`)
        tookMs.push(ms)
      }
    })
  )
  return { count: tookMs.length, refused, ms: performance.now() - startedAtMs, tookMs }
}

export function median(values: number[]): number {
  return percentile(values, 0.5)
}

export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
