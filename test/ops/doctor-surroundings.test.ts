import { Redis } from 'ioredis'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { findingsIn, PRODUCTION } from '../support/doctor.ts'
import { startOtlpReceiver } from '../support/otlp-receiver.ts'
import { startRedis } from '../support/redis.ts'
import { startSmtpSink } from '../support/smtp-sink.ts'

const app = await startApp(t)
const findings = findingsIn(app.env)

void t.test('Redis: well, evicting, stopped', async (t) => {
  const redis = await startRedis(t)
  const env = { REDIS_URL: redis.url }
  t.match(await findings('redis', env), [{ level: 'ok' }])
  const client = new Redis(redis.port, '127.0.0.1')
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
  t.match(await findings('redis', env), [{ level: 'ok' }], 'without a limit nothing is evicted')
  await client.config('SET', 'maxmemory', '50mb')
  t.match(await findings('redis', env), [{ level: 'warn', says: /allkeys-lru/ }])
  await client.config('SET', 'requirepass', 'c4nary')
  t.match(await findings('redis', env), [{ level: 'error', says: /NOAUTH/ }])
  client.disconnect()
  await redis.kill()
  t.match(await findings('redis', env), [{ level: 'error', says: /ECONNREFUSED/ }])
})

void t.test('the mail server: there without a mail, then gone', async (t) => {
  const sink = await startSmtpSink(t)
  const env = { SMTP_URL: sink.url }
  t.match(await findings('smtp', env), [{ level: 'ok' }])
  t.strictSame(sink.messages, [])
  await sink.down()
  t.match(await findings('smtp', env), [
    { level: 'error', says: /\(E(SOCKET|CONNECTION|CONNREFUSED)\)/ }
  ])
})

void t.test('nobody who would be told: a note; a collector that is away: a warning', async (t) => {
  t.match(await findings('seeing'), [{ level: 'ok' }])
  const away = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }
  t.match(await findings('seeing', away), [{ level: 'warn' }])
  const { url } = await startOtlpReceiver(t)
  t.match(await findings('seeing', { OTEL_EXPORTER_OTLP_ENDPOINT: url }), [{ level: 'ok' }])
  t.match(await findings('seeing', PRODUCTION), [{ level: 'note' }])
  const seen = { ...PRODUCTION, METRICS_TOKEN: 'a-token-for-metrics-only' }
  t.match(await findings('seeing', seen), [{ level: 'ok' }])
})
