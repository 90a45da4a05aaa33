import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'

/**
 * What a span may tell. All else stays here: paths and queries of URLs, statements and their values, keys of
 * Redis, headers, messages of errors. A new version of an instrumentation cannot add to what leaves.
 */
const TOLD = new Set([
  'http.request.method',
  'http.response.status_code',
  'http.route',
  'db.system',
  'db.system.name',
  'db.query.summary',
  'error.type',
  'latchkey.request_id'
])

/** Passes on spans of which nothing is left but what may be told. */
export function redacting(exporter: SpanExporter): SpanExporter {
  return {
    export: (spans, done) => {
      exporter.export(spans.map(redacted), done)
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown()
  }
}

/** The same span through other eyes: it is still the SDK's, and not to be changed. */
function redacted(span: ReadableSpan): ReadableSpan {
  const attributes = Object.fromEntries(
    Object.entries(span.attributes).filter(([name]) => TOLD.has(name))
  )
  const { code } = span.status
  return Object.create(span, {
    name: { value: nameOf(span) },
    attributes: { value: attributes },
    events: { value: [] },
    links: { value: [] },
    status: { value: { code } },
    spanContext: { value: () => withoutState(span.spanContext()) },
    parentSpanContext: {
      value: span.parentSpanContext && withoutState(span.parentSpanContext)
    }
  }) as ReadableSpan
}

/** `tracestate` is a header as any other: whoever asked may have put anything there. */
function withoutState({
  traceState: _traceState,
  ...context
}: ReturnType<ReadableSpan['spanContext']>) {
  return context
}

/** `GET /users/profile`, `UPDATE session`, `redis EVAL`; never what an instrumentation makes of a statement. */
function nameOf({ attributes, name }: ReadableSpan): string {
  const told = (key: string) => {
    const value = attributes[key]
    return typeof value === 'string' ? value : undefined
  }
  const method = told('http.request.method')
  if (method !== undefined) return `${method} ${told('http.route') ?? 'none'}`
  const summary = told('db.query.summary')
  if (summary !== undefined) return summary
  return name.startsWith('handler') ? 'handler' : 'span'
}
