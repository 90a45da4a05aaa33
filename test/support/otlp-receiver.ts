import type { Teardown } from './database.ts'
import { listenOnLoopback } from './http-listener.ts'

export type ReceivedSpan = {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  attributes: { key: string; value: Record<string, unknown> }[]
  status: { code?: number }
}

type Payload = { resourceSpans: { scopeSpans: { spans: ReceivedSpan[] }[] }[] }

/** A collector that takes traces as OTLP over HTTP has them (JSON), and keeps what it got. */
export async function startOtlpReceiver(t: Teardown) {
  const payloads: { path: string; text: string }[] = []
  const port = await listenOnLoopback(t, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      payloads.push({ path: request.url ?? '', text: Buffer.concat(chunks).toString() })
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })

  function spans(): ReceivedSpan[] {
    return payloads.flatMap(({ text }) =>
      (JSON.parse(text) as Payload).resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans)
      )
    )
  }

  return {
    url: `http://127.0.0.1:${port}`,
    payloads,
    spans,
    /** Everything that came, as it came. */
    text: () => payloads.map(({ text }) => text).join('\n')
  }
}

/** An attribute of a span, as text. */
export function attribute({ attributes }: ReceivedSpan, name: string): string | undefined {
  const value = attributes.find(({ key }) => key === name)?.value
  return value === undefined ? undefined : String(Object.values(value)[0])
}
