import { boolean, integer, oneOf, secret, url } from '../lib/setting-parsers.ts'
import { optional, unset } from './setting.ts'

/** What an operator sees, and what they risk knowingly. */
export const OBSERVING = {
  metricsToken: unset(
    'METRICS_TOKEN',
    'Bearer token that `/metrics` asks for, 16 characters at least',
    secret,
    'loopback only; no metrics in production'
  ),
  metricsPort: unset(
    'METRICS_PORT',
    'Port where `/metrics` answers instead of `PORT`; in production it needs `METRICS_TOKEN`, unless `HOST` is a loopback address',
    integer(1, 65_535),
    'the same as `PORT`'
  ),
  traceEndpoint: unset(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'Collector that traces are sent to (OTLP over HTTP, such as `http://localhost:4318`), see [docs/traces.md](docs/traces.md)',
    url('http:', 'https:'),
    'no traces'
  ),
  allowInsecureDevelopment: optional(
    'ALLOW_INSECURE_DEVELOPMENT',
    'Listen beyond loopback without `NODE_ENV=production`',
    boolean,
    false
  ),
  logLevel: optional(
    'LOG_LEVEL',
    'How much is logged',
    oneOf('silent', 'error', 'warn', 'info', 'debug'),
    'info'
  )
}
