import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { registerInstrumentations, type Instrumentation } from '@opentelemetry/instrumentation'
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import packageJson from '../../../package.json' with { type: 'json' }
import { summarize } from './query-summary.ts'
import { redacting } from './redact.ts'

/** A collector that is away must not hold the end of the server up. */
const FLUSH_MS = 2_000

const SUMMARY = 'db.query.summary'

/**
 * Traces by OpenTelemetry: sent by OTLP over HTTP, set up by the standard variables (`OTEL_EXPORTER_OTLP_*`,
 * `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`), which the SDK reads by itself.
 *
 * An import in ESM passes by the hook for CommonJS, so pg and ioredis are required once here, with the
 * hook in place: the prototypes that it wraps are the ones that everybody imports.
 *
 * @returns sends what is left and stops
 */
export function openTracing(more: Instrumentation[]): () => Promise<void> {
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({ 'service.name': 'latchkey', 'service.version': packageJson.version })
    )
    .merge(detectResources({ detectors: [envDetector] }))
  const exporter = redacting(new OTLPTraceExporter())
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(exporter)]
  })
  const contexts = new AsyncLocalStorageContextManager().enable()
  context.setGlobalContextManager(contexts)
  // No baggage: what it carries is anybody's, and nothing here reads it.
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(provider)
  registerInstrumentations({
    tracerProvider: provider,
    instrumentations: [
      ...more,
      new PgInstrumentation({
        // What runs in the background asks twice a second, and belongs to no request.
        requireParentSpan: true,
        ignoreConnectSpans: true,
        requestHook: (span, { query }) => {
          span.setAttribute(SUMMARY, summarize(query))
        }
      }),
      new IORedisInstrumentation({
        requireParentSpan: true,
        dbStatementSerializer: () => '',
        requestHook: (span, { cmdName }) => {
          span.setAttribute(SUMMARY, `redis ${cmdName.toUpperCase()}`)
        }
      })
    ]
  })
  const require = createRequire(import.meta.url)
  for (const name of ['pg', 'ioredis']) require(name)
  return async () => {
    const gone = delay(FLUSH_MS, undefined, { ref: false })
    await Promise.race([provider.shutdown().catch(() => undefined), gone])
  }
}
