import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { givenSession, PASSWORD } from '../support/builders.ts'
import { createCallLog, type Sent } from '../support/call-log.ts'
import { eventually } from '../support/eventually.ts'
import { operationsOf, sampleBody, type Operation } from '../support/operations.ts'
import { isProblem } from '../support/problem.ts'
import { callAccounts } from './calls/accounts.ts'
import { callAdmin } from './calls/admin.ts'
import { callIntegrations } from './calls/integrations.ts'
import { callOperations } from './calls/operations.ts'
import { callSessions } from './calls/sessions.ts'
import { givenAdmin } from './calls/world.ts'

/** DESIGN §4, but for what lies under /oauth. */
const PROMISED = [
  'POST /auth/register',
  'POST /auth/verify-email',
  'POST /auth/resend-verification',
  'POST /auth/login',
  'POST /auth/refresh-token',
  'POST /auth/refresh',
  'POST /auth/logout',
  'GET /auth/verify-token',
  'GET /verify-token',
  'GET /auth/me',
  'POST /auth/forgot-password',
  'POST /auth/password-reset/request',
  'POST /auth/reset-password',
  'POST /auth/password-reset/confirm',
  'GET /users/profile',
  'PUT /users/profile',
  'POST /users/change-password',
  'POST /users/change-email',
  'POST /auth/undo-email-change',
  'DELETE /users/delete-account',
  'GET /users/export',
  'GET /users/sessions',
  'DELETE /users/sessions/{id}',
  'GET /admin/users',
  'GET /admin/audit-logs',
  'GET /.well-known/jwks.json',
  'GET /health',
  'GET /livez',
  'GET /readyz',
  'GET /metrics'
]

/** Documented statuses that nothing here provokes, each with the reason; and every 500, which is always a defect. */
const NOT_PROVOKED: Record<string, string> = {
  'GET /metrics 503': 'the numbers are told from memory, whatever is away'
}

const app = await startApp(t, { OUTBOUND_ALLOWED_HOSTS: 'localhost:9' })
const operations = await operationsOf(app)
const { call, answered } = createCallLog(app, operations)
const limits = { RATE_LIMIT_LOGIN_PER_MINUTE: '1', RATE_LIMIT_REGISTER_PER_HOUR: '1' }
const strict = await startApp(t, {
  ...app.env,
  ...limits,
  RATE_LIMIT_RESET_PER_HOUR: '1',
  METRICS_TOKEN: 'a-token-for-metrics-only'
})
const { wire, app: cutOffServer } = await startBehindWire(t, app)
const cutOff: Pick<TestApp, 'app'> = { app: cutOffServer }
const suspicious = await startApp(t, {
  ...app.env,
  CAPTCHA_PROVIDER: 'turnstile',
  CAPTCHA_SITE_KEY: 'site',
  CAPTCHA_SECRET: 'secret',
  CAPTCHA_AFTER_ATTEMPTS: '0'
})
const world = { app, call, operations, strict, suspicious, cutOff }

const bodyOf = ({ body }: Operation) => (body === null ? undefined : sampleBody(body))
const withBody = ({ method }: Operation) => method !== 'GET'

void t.test('the routes of the design: all in the document', (t) => {
  const names = new Set(operations.map(({ name }) => name))
  for (const name of PROMISED) t.ok(names.has(name), name)
  t.end()
})

void t.test('the documents themselves: there', async (t) => {
  for (const url of ['/openapi.json', '/docs']) t.equal((await app.get(url)).statusCode, 200, url)
})

void t.test('every room, called as people call it: done', async (t) => {
  await callAccounts(world)
  await callSessions(world)
  await callAdmin(world)
  await callIntegrations(world)
  await callOperations(world)
  for (const [name, statuses] of answered) {
    t.ok(
      [...statuses].some((status) => status < 300),
      `${name} has answered a valid call`
    )
  }
})

void t.test('every operation, called wrongly: refused, as a problem', async (t) => {
  const { accessToken } = await givenAdmin(app)
  const huge = JSON.stringify('a'.repeat(64 * 1_024))
  for (const operation of operations) {
    const { name, path, needsToken } = operation
    const token = needsToken ? { token: accessToken } : {}
    const wrong: Sent[] = [
      { body: bodyOf(operation) },
      { token: 'garbage', body: bodyOf(operation) },
      { ...token, query: 'canary=1&__proto__=1' },
      ...(path.includes('{id}') ? [{ ...token, id: 'no-id' }] : []),
      ...(withBody(operation)
        ? [
            { ...token, payload: '{' },
            { ...token, payload: huge },
            { ...token, payload: 'a=b', type: 'application/x-www-form-urlencoded' },
            { ...token, body: [] },
            { ...token, body: { canary: 1 } }
          ]
        : [])
    ]
    for (const sent of wrong) {
      const answer = await call(name, sent)
      if (answer.statusCode < 400) continue
      isProblem(t, answer, answer.statusCode, `${name} ${JSON.stringify(sent).slice(0, 80)}`)
    }
  }
})

void t.test('every operation with a limit per address, called again: 429', async (t) => {
  const { accessToken: token } = await givenSession(app)
  for (const operation of operations.filter(({ statuses }) => statuses.includes(429))) {
    const body = bodyOf(operation)
    const again = { at: strict, token, body, remoteAddress: '203.0.113.9' }
    let answer = await call(operation.name, again)
    for (let i = 0; i < 6 && answer.statusCode !== 429; i += 1) {
      answer = await call(operation.name, again)
    }
    if (answer.statusCode !== 429) continue // told below, unless another call has provoked it
    isProblem(t, answer, 429, operation.name)
    t.match(answer.headers['retry-after'], /^[1-9]\d*$/, operation.name)
  }
})

void t.test('every operation, without Postgres: 503 where the document says so', async (t) => {
  const { accessToken: token, refreshToken: refresh_token } = await givenSession(app)
  const admin = await givenAdmin(app)
  await wire.cut()
  const bodies: Record<string, unknown> = {
    'POST /auth/refresh-token': { refresh_token },
    'POST /auth/refresh': { refresh_token },
    'POST /auth/logout': { refresh_token },
    'POST /auth/login': { email: 'nobody@example.com', password: PASSWORD },
    'POST /auth/verify-email': { token: 'a'.repeat(43) },
    'POST /auth/reset-password': { token: 'a'.repeat(43), new_password: PASSWORD },
    'POST /auth/password-reset/confirm': { token: 'a'.repeat(43), new_password: PASSWORD },
    'POST /auth/undo-email-change': { token: 'a'.repeat(43) }
  }
  // The feed of revocations may be a second old before Postgres is asked.
  await eventually('a feed that is too old', async () => {
    return (await call('GET /verify-token', { at: cutOff, token })).statusCode === 503
  })
  for (const operation of operations.filter(({ statuses }) => statuses.includes(503))) {
    const { name, path } = operation
    const body = bodies[name] ?? bodyOf(operation)
    const shown = path.startsWith('/admin') ? admin.accessToken : token
    const { statusCode } = await call(name, { at: cutOff, token: shown, body })
    t.ok(statusCode === 503 || `${name} 503` in NOT_PROVOKED, `${name}: ${statusCode}`)
  }
})

void t.test('every status that was answered: documented; and the other way round', (t) => {
  for (const { name, statuses } of operations) {
    const seen = answered.get(name) ?? new Set<number>()
    for (const status of seen)
      t.ok(statuses.includes(status), `${name} answers ${status}, and says so`)
    for (const status of statuses) {
      const isExcused = status === 500 || `${name} ${status}` in NOT_PROVOKED
      t.ok(seen.has(status) !== isExcused, `${name} says ${status}, and answers so`)
    }
  }
  t.end()
})
