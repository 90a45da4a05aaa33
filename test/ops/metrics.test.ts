import t from 'tap'
import { createMetricsServer } from '../../src/ops/metrics-server.ts'
import { startApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { givenSession } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { valueOf } from '../support/metrics.ts'
import { freePort, startServer } from '../support/server.ts'
import { timed } from '../support/timed.ts'

const TOKEN = 'a-token-for-prometheus'

void t.test('GET /metrics, with METRICS_TOKEN set: opens for that token only', async (t) => {
  const { get, app } = await startApp(t, { METRICS_TOKEN: TOKEN })
  app.log.level = 'silent'
  t.match(await get('/metrics'), { statusCode: 401 })
  t.match(await get('/metrics', 'another-token-of-its-length'), { statusCode: 401 })
  const answer = await get('/metrics', TOKEN)
  t.match(answer, { statusCode: 200, headers: { 'content-type': /^text\/plain/ } })
})

void t.test('GET /metrics, with no token set: this machine only', async (t) => {
  const { app } = await startApp(t)
  t.match(await app.inject('/metrics'), { statusCode: 200 })
  const remote = await app.inject({ url: '/metrics', remoteAddress: '203.0.113.7' })
  t.match(remote, { statusCode: 404 }, 'another peer')
  const rebound = await app.inject({ url: '/metrics', headers: { host: 'evil.example' } })
  t.match(rebound, { statusCode: 404 }, 'a page that rebinds its name')
})

void t.test(
  'METRICS_PORT: there and no longer here; this network only, and no proxy',
  async (t) => {
    const { app, get } = await startApp(t, { METRICS_PORT: '9464' })
    t.match(await get('/metrics'), { statusCode: 404 }, 'not at PORT')
    const server = createMetricsServer({ render: app.renderMetrics, token: undefined })
    t.teardown(() => server.close())
    const from = (remoteAddress: string, headers = {}) =>
      server.inject({ url: '/metrics', remoteAddress, headers })
    for (const near of [
      '127.0.0.1',
      '::1',
      '10.1.2.3',
      '::ffff:192.168.1.4',
      'fd00::1',
      'fe80::1%eth0'
    ])
      t.match(await from(near), { statusCode: 200, body: /^latchkey_info\{/m }, near)
    for (const far of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8::1', '2002:cb00:7107::1'])
      t.match(await from(far), { statusCode: 403 }, far)
    t.match(await from('10.1.2.3', { 'x-forwarded-for': '10.9.9.9' }), { statusCode: 403 })
    t.match(await server.inject('/'), { statusCode: 404 }, 'nothing else is there')
    for (const url of ['/canary?token=canary', '/%E0%canary', '/metrics']) {
      const { body, headers } = await server.inject({ url, remoteAddress: '203.0.113.7' })
      t.notMatch(body, /canary|Route/, `${url}: not repeated`)
      t.match(headers, {
        'content-security-policy': /default-src 'none'.*frame-ancestors 'none'/,
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store'
      })
    }
    t.equal(server.server.requestTimeout, 15_000)
  }
)

void t.test(
  'METRICS_PORT and METRICS_TOKEN: whoever sends the token, and nobody else',
  async (t) => {
    const { app } = await startApp(t)
    const server = createMetricsServer({ render: app.renderMetrics, token: TOKEN })
    t.teardown(() => server.close())
    const headers = { authorization: `Bearer ${TOKEN}` }
    const remoteAddress = '203.0.113.7'
    t.match(await server.inject({ url: '/metrics', remoteAddress, headers }), { statusCode: 200 })
    t.match(
      await server.inject('/metrics'),
      { statusCode: 401 },
      'without it not even this machine'
    )
  }
)

void t.test('METRICS_PORT, of a real server: listened at until the end', async (t) => {
  const port = String(await freePort())
  const server = await startServer(t, {
    DATABASE_URL: (await createTestDatabase(t)).url,
    KEY_ENCRYPTION_KEY: 'ab'.repeat(32),
    DATA_DIR: t.testdir({}),
    METRICS_PORT: port
  })
  t.equal((await fetch(`http://localhost:${port}/metrics`)).status, 200)
  t.equal((await fetch(`${server.url}/metrics`)).status, 404)
  t.equal(await server.kill('SIGTERM'), 0)
})

void t.test('what people do: counted by how it ended', async (t) => {
  const app = await startApp(t)
  const read = async (name: string, labels: Record<string, string> = {}) =>
    valueOf((await app.get('/metrics')).body, `latchkey_${name}`, labels) ?? 0
  const { user, refreshToken, accessToken } = await givenSession(app)
  const { email } = user
  const outcome = (name: string) => ({ outcome: name })
  t.equal(await read('registrations_total', outcome('accepted')), 1)
  t.equal(await read('logins_total', outcome('succeeded')), 1)
  t.equal(await read('sessions_active'), 1)

  for (let i = 0; i < 6; i += 1) await app.post('/auth/login', { email, password: 'wrong-Otter-9' })
  t.equal(await read('logins_total', outcome('invalid_credentials')), 6)
  t.ok((await read('lockouts_total', { lane: 'account' })) >= 1)
  t.ok((await read('password_guesses_total', outcome('blocked'))) >= 1)

  const refresh = (token: string) => app.post('/auth/refresh-token', { refresh_token: token })
  const next = String((await refresh(refreshToken)).json().refresh_token)
  await refresh(refreshToken)
  await refresh('garbage')
  await refresh(next)
  await refresh(refreshToken)
  for (const [name, count] of Object.entries({ rotated: 2, repeated: 1, forged: 1, reused: 1 }))
    t.equal(await read('refreshes_total', outcome(name)), count, name)
  await refresh(next)
  t.equal(await read('refreshes_total', outcome('unusable')), 1)

  await app.get('/verify-token', accessToken)
  await app.get('/verify-token', 'garbage')
  t.equal(await read('token_checks_total', outcome('revoked')), 1)
  t.equal(await read('token_checks_total', outcome('invalid')), 1)
  const route = { method: 'POST', route: '/auth/refresh-token' }
  t.equal(await read('http_requests_total', { ...route, status: '2xx' }), 3)
  t.equal(await read('http_requests_total', { ...route, status: '4xx' }), 3)
  t.equal(await read('http_request_seconds_count', route), 6)
  await app.get('/nowhere-that-anybody-knows')
  const { body } = await app.get('/metrics')
  t.notMatch(body, 'nowhere-that-anybody-knows')
  t.equal(valueOf(body, 'latchkey_http_requests_total', { route: 'none' }), 1)
})

void t.test(
  'a frozen Postgres: the scrape answers without its figures, and has them again',
  async (t) => {
    const app = await startApp(t)
    const { wire, get } = await startBehindWire(t, app)
    t.match((await get('/metrics')).body, /^latchkey_sessions_active 0$/m)
    wire.stall()
    const body = await eventually('a scrape without them', async () => {
      const { result, tookMs } = await timed(() => get('/metrics'))
      t.equal(result.statusCode, 200)
      // Half a second is what it waits; the rest is what a busy machine takes.
      t.ok(tookMs < 5_000, `after ${Math.round(tookMs)} ms`)
      return !result.body.includes('latchkey_outbox_messages{') && result.body
    })
    t.match(body, /^latchkey_http_requests_total\{/m, 'what is in memory is told')
    t.ok((valueOf(body, 'latchkey_revocation_feed_age_seconds') ?? 0) > 0)
    await wire.restore()
    await eventually('its figures again', async () =>
      (await get('/metrics')).body.includes('latchkey_outbox_messages{')
    )
  }
)
