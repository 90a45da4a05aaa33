import t from 'tap'
import { readConfig } from '../../src/config.ts'
import { KEY, problemsOf, PRODUCTION, refuses } from '../support/settings.ts'

void t.test('nothing set: development on loopback, with what it brings itself', (t) => {
  const config = readConfig({})
  t.match(config, {
    production: false,
    host: 'localhost',
    port: 3000,
    issuer: 'http://localhost:3000',
    accessTokenTtlSeconds: 600,
    refreshIdleSeconds: 14 * 86_400,
    refreshAbsoluteSeconds: 30 * 86_400,
    refreshGraceSeconds: 10,
    passwordMinLength: 8,
    emailVerificationRequired: true,
    registrationRevealsEmail: false,
    corsOrigins: [],
    trustedProxies: []
  })
  for (const key of ['databaseUrl', 'redisUrl', 'smtpUrl', 'keyEncryptionKey'] as const) {
    t.equal(config[key], undefined, key)
  }
  t.ok(Object.isFrozen(config))
  t.equal(readConfig({ PORT: '8080' }).issuer, 'http://localhost:8080', 'the issuer follows PORT')
  t.same(readConfig({ PORT: '', DATABASE_URL: '' }), config, 'empty is unset')
  t.end()
})

void t.test('production with all it wants: starts on every address', (t) => {
  t.match(readConfig(PRODUCTION), {
    production: true,
    host: '0.0.0.0',
    issuer: 'https://id.example.com',
    keyEncryptionKey: KEY
  })
  t.end()
})

void t.test('production without what it wants: names all of it at once', (t) => {
  const required = Object.keys(PRODUCTION).filter((name) => name !== 'NODE_ENV')
  const problems = problemsOf({ NODE_ENV: 'production' })
  t.equal(problems.length, required.length)
  for (const name of required) {
    t.ok(
      problems.some((line) => line.includes(name)),
      name
    )
    refuses(t, { ...PRODUCTION, [name]: undefined }, name)
    refuses(t, { ...PRODUCTION, [name]: '' }, name)
  }
  t.end()
})

void t.test('production, an issuer that is no https origin: refused', (t) => {
  for (const issuer of [
    'http://login.canary.test',
    'http://localhost:3000',
    'https://login.canary.test/',
    'https://login.canary.test/auth',
    'https://login.canary.test?a=b',
    'https://login.canary.test#a',
    'https://user:canary@login.canary.test',
    'https://LOGIN.canary.test',
    'https://login.canary.test:443',
    'ftp://login.canary.test',
    'login.canary.test',
    'canary issuer'
  ]) {
    const problems = problemsOf({ ...PRODUCTION, ISSUER: issuer })
    t.ok(problems.length > 0, issuer)
    t.ok(
      problems.every((line) => line.startsWith('ISSUER ') && !line.includes(issuer)),
      problems.join(' / ')
    )
  }
  t.end()
})

void t.test('development, an issuer: http and https origins, no path', (t) => {
  for (const issuer of ['https://id.example.com', 'http://localhost:8080', 'http://10.0.0.1']) {
    t.equal(readConfig({ ISSUER: issuer }).issuer, issuer)
  }
  for (const issuer of ['http://localhost:3000/', 'http://localhost/x', 'localhost']) {
    refuses(t, { ISSUER: issuer }, 'ISSUER', issuer)
  }
  t.end()
})

void t.test('a host beyond loopback: only in production, or when it is said to be meant', (t) => {
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com', '128.0.0.1', '1127.0.0.1']) {
    refuses(t, { HOST: host }, 'HOST', host)
    t.equal(readConfig({ ...PRODUCTION, HOST: host }).host, host)
    t.equal(readConfig({ HOST: host, ALLOW_INSECURE_DEVELOPMENT: 'true' }).host, host)
    refuses(t, { HOST: host, ALLOW_INSECURE_DEVELOPMENT: 'false' }, 'HOST', host)
  }
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1']) {
    t.equal(readConfig({ HOST: host }).host, host)
  }
  t.end()
})

void t.test('METRICS_PORT, the same as PORT: refused; another one: taken', (t) => {
  const read = (METRICS_PORT: string) => readConfig({ PORT: '3000', METRICS_PORT })
  t.throws(() => read('3000'), { message: /METRICS_PORT must be another one than PORT/ })
  t.equal(read('9464').metricsPort, 9464)
  t.end()
})

void t.test('METRICS_PORT in production: with METRICS_TOKEN, or on loopback only', (t) => {
  const exposed = { ...PRODUCTION, METRICS_PORT: '9464' }
  refuses(t, exposed, 'METRICS_TOKEN')
  refuses(t, { ...exposed, HOST: '10.0.0.1' }, 'METRICS_TOKEN')
  for (const told of [{ METRICS_TOKEN: 'a-token-for-metrics-only' }, { HOST: '127.0.0.1' }])
    t.strictSame(problemsOf({ ...exposed, ...told }), [])
  t.end()
})
