// Calls every route as people call it, in a process of its own, so that its log can be read. Writes down
// what must not be seen anywhere.   node every-call.ts FILE, with REDIS_URL and OTEL_EXPORTER_OTLP_ENDPOINT
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { startTracing } from '../../src/ops/tracing.ts'

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/
const SECRET_NAME = /token|secret|code|password|cookie|email|jwt|assertion|verifier|challenge/
/** Shorter ones are words, and words are found anywhere. */
const SHORTEST = 10

const CANARY = `c4n4ry${randomBytes(6).toString('hex')}`
const HEADERS = {
  'user-agent': `${CANARY}-agent`,
  referer: `https://example.com/${CANARY}-referer`,
  'x-anything': `${CANARY}-header`,
  'accept-language': `${CANARY}-language`,
  tracestate: `who=${CANARY}-state`,
  baggage: `who=${CANARY}-baggage`
}

export type Told = { secrets: string[]; requests: number; metrics: string }

const ends: (() => unknown)[] = []
const t = { teardown: (end: () => unknown) => ends.push(end) } as unknown as Test
const secrets = new Set<string>([CANARY])
let requests = 0

function learn(value: unknown, name = '', isSent = false): void {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) learn(inner, key, isSent)
  } else if (typeof value === 'string' && value.length >= SHORTEST && !UUID.test(value)) {
    if (isSent || SECRET_NAME.test(name)) secrets.add(value)
  }
}

function learnText(text: string, isSent: boolean): void {
  try {
    learn(JSON.parse(text), '', isSent)
  } catch {
    for (const [name, value] of new URLSearchParams(text)) learn(value, name, isSent)
  }
}

/** Plants canaries in what is asked, and learns every secret that goes in or comes out. */
function watch(app: { inject: unknown }): void {
  const inject = (app.inject as (options: InjectOptions) => Promise<Answer>).bind(app)
  type Answer = {
    statusCode: number
    body: string
    headers: Record<string, string | string[] | undefined>
  }
  app.inject = async (asked: InjectOptions | string) => {
    const options = typeof asked === 'string' ? { url: asked } : asked
    const own = (options.headers ?? {}) as Record<string, string>
    const cookie = [own['cookie'], `other=${CANARY}-cookie`].filter(Boolean).join('; ')
    const headers = { ...HEADERS, ...own, cookie }
    for (const [name, value] of Object.entries(own)) {
      if (name === 'authorization') learn(value.split(' ').at(-1), 'token', true)
    }
    const sent = options.payload ?? options.body
    if (sent !== undefined) learnText(typeof sent === 'string' ? sent : JSON.stringify(sent), true)
    requests += 1
    const answer = await inject({ ...options, headers })
    // What a refusal says is ours.
    if (answer.statusCode < 400) learnText(answer.body, false)
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      learn(/=([^;]*)/.exec(line)?.[1], 'cookie', false)
    }
    const { url } = options
    if (typeof url === 'string' && (options.method ?? 'GET') === 'GET') {
      const joined = `${url}${url.includes('?') ? '&' : '?'}access_token=${CANARY}-query`
      await inject({ ...options, headers, url: joined })
    }
    return answer
  }
}

const stopTracing = startTracing()
const { startApp } = await import('../support/app.ts')
const { startBehindWire } = await import('../support/behind-wire.ts')
const { createCallLog } = await import('../support/call-log.ts')
const { operationsOf } = await import('../support/operations.ts')
const calls = await Promise.all([
  import('../http/calls/accounts.ts'),
  import('../http/calls/sessions.ts'),
  import('../http/calls/admin.ts'),
  import('../http/calls/integrations.ts'),
  import('../http/calls/operations.ts')
])

const env = { LOG_LEVEL: 'debug', REDIS_URL: process.env['REDIS_URL']! }
const app = await startApp(t, { ...env, OUTBOUND_ALLOWED_HOSTS: 'localhost:9' })
const strict = await startApp(t, { ...app.env, METRICS_TOKEN: 'a-token-for-metrics-only' })
const suspicious = await startApp(t, {
  ...app.env,
  CAPTCHA_PROVIDER: 'turnstile',
  CAPTCHA_SITE_KEY: 'site',
  CAPTCHA_SECRET: 'a-secret-of-the-captcha',
  CAPTCHA_AFTER_ATTEMPTS: '0'
})
const { app: cutOff, wire } = await startBehindWire(t, app)
for (const one of [app.app, strict.app, suspicious.app, cutOff]) watch(one)
const operations = await operationsOf(app)
const { call } = createCallLog(app, operations)
const world = { app, call, operations, strict, suspicious, cutOff: { app: cutOff } }
for (const room of calls) {
  for (const run of Object.values(room)) {
    if (typeof run === 'function') await (run as (world: unknown) => Promise<void>)(world)
  }
}
// Its errors are logged too: Postgres is away.
await wire.cut()
const login = { email: `${CANARY}@example.com`, password: `${CANARY}-password` }
for (const url of ['/auth/login', '/auth/register', '/auth/forgot-password']) {
  await cutOff.inject({ method: 'POST', url, payload: login })
}
for (const name of ['KEY_ENCRYPTION_KEY', 'METRICS_TOKEN', 'CAPTCHA_SECRET'] as const) {
  learn((suspicious.env as Record<string, string>)[name], 'secret')
}
const metrics = (await Promise.all([app, strict].map((one) => one.app.renderMetrics())))
  .map(({ body }) => body)
  .join('\n')
const told: Told = { secrets: [...secrets], requests, metrics }
writeFileSync(process.argv[2]!, JSON.stringify(told))
for (const end of ends.reverse()) await end()
await stopTracing()
process.exit(0)
