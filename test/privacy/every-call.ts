// Calls every route as people call it, in a process of its own, so that its log can be read. Writes down
// what must not be seen anywhere.   node every-call.ts FILE, with REDIS_URL and OTEL_EXPORTER_OTLP_ENDPOINT
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { startTracing } from '../../src/ops/tracing.ts'

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/
const SECRET_NAME = /token|secret|code|password|cookie|email|jwt|assertion|verifier|challenge/
/** Spoken of in public: what a request is for, never whose it is. */
const PUBLIC_NAME =
  /^(grant_types?|(subject_|issued_|requested_)?token_type(_hint)?|client_assertion_type|token_endpoint_auth_method|[a-z_]+_alg|scope|redirect_uris?|code_challenge_method|response_type|prompt|decision)$/
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

export type Told = {
  secrets: string[]
  requests: number
  metrics: string
  /** Routes that no call got an answer from other than a refusal. */
  uncalled: string[]
}

const ends: (() => unknown)[] = []
const t = { teardown: (end: () => unknown) => ends.push(end) } as unknown as Test
const secrets = new Set<string>([CANARY])
let requests = 0
const answered: { method: string; path: string }[] = []

function learn(value: unknown, name = '', isSent = false): void {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (!PUBLIC_NAME.test(key)) learn(inner, key, isSent)
    }
  } else if (typeof value === 'string' && value.length >= SHORTEST && !UUID.test(value)) {
    if (isSent || SECRET_NAME.test(name)) secrets.add(value)
  }
}

function learnText(text: string, isSent: boolean): void {
  try {
    learn(JSON.parse(text), '', isSent)
  } catch {
    learn(Object.fromEntries(new URLSearchParams(text)), '', isSent)
  }
}

/** What a URL carries beyond its path. */
function learnUrl(url: string, isSent: boolean): void {
  const { searchParams } = new URL(url, 'http://ours.invalid')
  learn(Object.fromEntries(searchParams), '', isSent)
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
    const { url, method = 'GET' } = options
    if (typeof url === 'string') {
      learnUrl(url, true)
      if (answer.statusCode < 400) {
        answered.push({ method: method.toUpperCase(), path: url.split('?')[0] ?? '' })
      }
    }
    // What a refusal says is ours, and so is a page; where it sends a browser to is not.
    const isPage = String(answer.headers['content-type']).startsWith('text/html')
    if (answer.statusCode < 400 && !isPage) learnText(answer.body, false)
    if (answer.headers['location'] !== undefined)
      learnUrl(String(answer.headers['location']), false)
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      learn(/=([^;]*)/.exec(line)?.[1], 'cookie', false)
    }
    if (typeof url === 'string' && method === 'GET') {
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
const { callApplications } = await import('./application-calls.ts')
const { routesOf } = await import('../support/routes.ts')
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
const open = await startApp(t, { ...env, DYNAMIC_REGISTRATION: 'open' })
for (const one of [app.app, strict.app, suspicious.app, open.app, cutOff]) watch(one)
const operations = await operationsOf(app)
const { call } = createCallLog(app, operations)
const world = { app, call, operations, strict, suspicious, cutOff: { app: cutOff } }
for (const room of calls) {
  for (const run of Object.values(room)) {
    if (typeof run === 'function') await (run as (world: unknown) => Promise<void>)(world)
  }
}
await callApplications(open, CANARY)
// Its errors are logged too: Postgres is away.
await wire.cut()
const login = { email: `${CANARY}@example.com`, password: `${CANARY}-password` }
for (const url of ['/auth/login', '/auth/register', '/auth/forgot-password']) {
  await cutOff.inject({ method: 'POST', url, payload: login })
}
for (const name of ['KEY_ENCRYPTION_KEY', 'METRICS_TOKEN', 'CAPTCHA_SECRET'] as const) {
  learn((suspicious.env as Record<string, string>)[name], 'secret')
}
/** `/oauth/register/:id` is called as any path that has something in that place. */
function isCalled({ method, url }: { method: string; url: string }): boolean {
  const pattern = new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`)
  return answered.some((one) => one.method === method && pattern.test(one.path))
}
/** Files, the same for everybody. */
const FILES = /^\/(docs|assets)\b/
const uncalled = routesOf(open)
  .filter(({ url }) => !FILES.test(url))
  .filter(({ method }) => method !== 'HEAD' && method !== 'OPTIONS')
  .filter((route) => !isCalled(route))
  .map(({ method, url }) => `${method} ${url}`)
const metrics = (await Promise.all([app, strict, open].map((one) => one.app.renderMetrics())))
  .map(({ body }) => body)
  .join('\n')
const told: Told = { secrets: [...secrets], requests, metrics, uncalled }
writeFileSync(process.argv[2]!, JSON.stringify(told))
for (const end of ends.reverse()) await end()
await stopTracing()
process.exit(0)
