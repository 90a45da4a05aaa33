import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from './database.ts'

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
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      payloads.push({ path: request.url ?? '', text: Buffer.concat(chunks).toString() })
      response.setHeader('content-type', 'application/json').end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  function spans(): ReceivedSpan[] {
    return payloads.flatMap(({ text }) =>
      (JSON.parse(text) as Payload).resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans)
      )
    )
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
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
