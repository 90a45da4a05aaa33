import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail, PASSWORD } from '../support/builders.ts'
import { startRedis } from '../support/redis.ts'

const LIMITS = {
  RATE_LIMIT_LOGIN_PER_MINUTE: '5',
  RATE_LIMIT_REGISTER_PER_HOUR: '3',
  RATE_LIMIT_RESET_PER_HOUR: '3',
  RATE_LIMIT_AUTHORIZE_PER_MINUTE: '4',
  TRUSTED_PROXIES: '127.0.0.1'
}

async function from(app: TestApp, address: string, url: string, body: object) {
  return app.post(url, body, { 'x-forwarded-for': address })
}

/** How many of ten calls pass. */
async function passing(app: TestApp, address: string, url: string, body: () => object) {
  let passed = 0
  for (let i = 0; i < 10; i += 1) {
    const { statusCode } = await from(app, address, url, body())
    if (statusCode !== 429) passed += 1
  }
  return passed
}

void t.test(
  'logins, registrations and resets from one address: 5, 3 and 3, then 429',
  async (t) => {
    const app = await startApp(t, LIMITS)
    const login = () => ({ email: freshEmail(), password: PASSWORD })
    t.equal(await passing(app, '203.0.113.1', '/auth/login', login), 5)
    t.equal(await passing(app, '203.0.113.1', '/auth/register', login), 3)
    t.equal(
      await passing(app, '203.0.113.1', '/auth/forgot-password', () => ({ email: freshEmail() })),
      3
    )
    const refused = await from(app, '203.0.113.1', '/auth/login', login())
    t.equal(refused.json().code, 'too_many_attempts')
    t.match(refused.headers['retry-after'], /^\d+$/)
    t.equal(refused.headers['ratelimit-limit'], '5')
    t.equal((await from(app, '203.0.113.2', '/auth/login', login())).statusCode, 401, 'others pass')
  }
)

void t.test('a route and its alias, from one address: share one limit', async (t) => {
  const app = await startApp(t, LIMITS)
  const body = { email: freshEmail() }
  for (const path of [
    '/auth/forgot-password',
    '/auth/password-reset/request',
    '/auth/resend-verification'
  ]) {
    t.equal((await from(app, '203.0.113.9', path, body)).statusCode, 200)
  }
  t.equal((await from(app, '203.0.113.9', '/auth/forgot-password', body)).statusCode, 429)
})

void t.test('IPv6 addresses of one /64: are one client', async (t) => {
  const app = await startApp(t, LIMITS)
  for (let i = 1; i <= 3; i += 1)
    await from(app, `2001:db8:1:2::${i}`, '/auth/forgot-password', { email: freshEmail() })
  const body = { email: freshEmail() }
  t.equal((await from(app, '2001:db8:1:2:ffff::9', '/auth/forgot-password', body)).statusCode, 429)
  t.equal((await from(app, '2001:db8:1:3::1', '/auth/forgot-password', body)).statusCode, 200)
})

void t.test(
  'a forwarded address, from a peer that is no trusted proxy: is not believed',
  async (t) => {
    const app = await startApp(t, { ...LIMITS, TRUSTED_PROXIES: '' })
    for (let i = 1; i <= 3; i += 1)
      await from(app, `203.0.113.${i}`, '/auth/forgot-password', { email: freshEmail() })
    t.equal(
      (await from(app, '203.0.113.77', '/auth/forgot-password', { email: freshEmail() }))
        .statusCode,
      429
    )
  }
)

void t.test(
  'two servers on one Redis: count together; Redis gone: a stricter limit of their own',
  async (t) => {
    const redis = await startRedis(t)
    const one = await startApp(t, { ...LIMITS, REDIS_URL: redis.url })
    const two = await startApp(t, { ...LIMITS, ...one.env, REDIS_URL: redis.url })
    const login = () => ({ email: freshEmail(), password: PASSWORD })
    for (let i = 0; i < 5; i += 1)
      await from(i % 2 ? one : two, '203.0.113.5', '/auth/login', login())
    t.equal((await from(one, '203.0.113.5', '/auth/login', login())).statusCode, 429)
    t.equal((await from(two, '203.0.113.5', '/auth/login', login())).statusCode, 429)
    await redis.kill()
    t.equal(await passing(one, '203.0.113.6', '/auth/login', login), 2)
  }
)

void t.test(
  'authorization requests and device codes from one address: share one limit; a page says so',
  async (t) => {
    const app = await startApp(t, LIMITS)
    const ask = (method: 'GET' | 'POST', url: string, address: string) =>
      app.app.inject({
        method,
        url,
        headers: {
          'x-forwarded-for': address,
          ...(method === 'POST' && { 'content-type': 'application/x-www-form-urlencoded' })
        },
        ...(method === 'POST' && { payload: 'client_id=nobody' })
      })
    const doors = [
      ['GET', '/oauth/authorize?client_id=nobody', 400],
      ['POST', '/oauth/authorize', 400],
      ['POST', '/oauth/par', 401],
      ['POST', '/oauth/device_authorization', 401]
    ] as const
    for (const [method, url, status] of doors) {
      t.equal((await ask(method, url, '203.0.113.7')).statusCode, status, url)
    }
    for (const [method, url] of doors) {
      const refused = await ask(method, url, '203.0.113.7')
      t.equal(refused.statusCode, 429, url)
      t.match(refused.headers['retry-after'], /^\d+$/)
      const type = url.startsWith('/oauth/authorize') ? 'text/html' : 'application/json'
      t.match(refused.headers['content-type'], type)
    }
    t.equal((await ask('POST', '/oauth/par', '203.0.113.8')).statusCode, 401, 'others pass')
  }
)
