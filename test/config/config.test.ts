import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError, readConfig, type Environment } from '../../src/config.ts'
import { SETTINGS } from '../../src/settings.ts'

const KEY = randomBytes(32)

/** All that production wants. */
const PRODUCTION = {
  NODE_ENV: 'production',
  ISSUER: 'https://id.example.com',
  DATABASE_URL: 'postgresql://latchkey@db.example/latchkey',
  REDIS_URL: 'rediss://cache.example:6380',
  SMTP_URL: 'smtps://mail.example',
  KEY_ENCRYPTION_KEY: KEY.toString('hex')
}

/** What is wrong with these settings, one sentence each. */
function problemsOf(env: Environment): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** Exactly one problem, of the setting named, and its value is not in it. */
function refuses(t: Test, env: Environment, name: string, value?: string): void {
  const problems = problemsOf(env)
  t.equal(problems.length, 1, `${name}: ${problems.join(' / ')}`)
  t.match(problems[0], new RegExp(`\\b${name}\\b`))
  if (value !== undefined && value.length > 5) t.notOk(problems[0]?.includes(value), 'no value')
}

async function givenFile(t: Test, content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-config-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'secret')
  await writeFile(path, content)
  return path
}

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

void t.test('a CAPTCHA half configured: names what is missing', (t) => {
  const env = { CAPTCHA_PROVIDER: 'hcaptcha', CAPTCHA_SITE_KEY: 'site', CAPTCHA_SECRET: 'secret' }
  t.match(readConfig(env), { captchaProvider: 'hcaptcha', captchaAfterAttempts: 3 })
  refuses(t, { ...env, CAPTCHA_SECRET: '' }, 'CAPTCHA_SECRET')
  refuses(t, { ...env, CAPTCHA_SITE_KEY: '' }, 'CAPTCHA_SITE_KEY')
  refuses(t, { ...env, CAPTCHA_PROVIDER: 'canary' }, 'CAPTCHA_PROVIDER', 'canary')
  refuses(t, { CAPTCHA_SECRET: 'canary' }, 'CAPTCHA_SECRET', 'canary')
  for (const score of ['1.1', '-0.1', '0,5', '.5', 'NaN']) {
    refuses(t, { ...env, CAPTCHA_MIN_SCORE: score }, 'CAPTCHA_MIN_SCORE')
  }
  t.equal(readConfig({ CAPTCHA_MIN_SCORE: '0.7' }).captchaMinScore, 0.7)
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

void t.test('a key-encryption key, 32 bytes in any spelling: the same key', (t) => {
  const base64 = KEY.toString('base64')
  const spellings = {
    hex: KEY.toString('hex'),
    'HEX in capitals': KEY.toString('hex').toUpperCase(),
    base64,
    'base64 without its padding': base64.replace('=', ''),
    base64url: KEY.toString('base64url')
  }
  for (const [name, spelling] of Object.entries(spellings)) {
    t.same(readConfig({ KEY_ENCRYPTION_KEY: spelling }).keyEncryptionKey, KEY, name)
  }
  t.end()
})

void t.test('a key-encryption key that is not 32 bytes: refused', (t) => {
  for (const key of [
    randomBytes(16).toString('hex'),
    randomBytes(31).toString('hex'),
    randomBytes(33).toString('hex'),
    randomBytes(16).toString('base64'),
    randomBytes(31).toString('base64'),
    randomBytes(33).toString('base64'),
    'correct horse battery staple',
    `${KEY.toString('hex').slice(0, -1)}g`,
    `${KEY.toString('base64')}!`,
    'a'
  ]) {
    refuses(t, { KEY_ENCRYPTION_KEY: key }, 'KEY_ENCRYPTION_KEY', key)
  }
  t.end()
})

/** The ends of every range. */
const RANGES: Record<string, [number, number]> = {
  PORT: [1, 65_535],
  DATABASE_POOL_SIZE: [2, 200],
  ACCESS_TOKEN_TTL_SECONDS: [300, 900],
  REFRESH_GRACE_SECONDS: [0, 60],
  PASSWORD_MIN_LENGTH: [8, 64],
  ARGON2_MEMORY_KIB: [19_456, 1_048_576],
  ARGON2_PASSES: [2, 20]
}

void t.test('numbers: whole ones inside their range, and nothing that is nearly one', (t) => {
  for (const [name, [minimum, maximum]] of Object.entries(RANGES)) {
    t.strictSame(problemsOf({ [name]: String(minimum) }), [], `${name}=${minimum}`)
    t.strictSame(problemsOf({ [name]: String(maximum) }), [], `${name}=${maximum}`)
    const near = [
      minimum - 1,
      maximum + 1,
      `${minimum}.5`,
      `${minimum}s`,
      '-1',
      '+1',
      '1e3',
      '0x10'
    ]
    for (const value of [...near.map(String), ' ', 'NaN', 'Infinity', '9'.repeat(30)]) {
      refuses(t, { [name]: value }, name)
    }
  }
  t.end()
})

void t.test('choices and lists: only what they name', (t) => {
  const wrong: Record<string, string[]> = {
    NODE_ENV: ['Production', 'prod', 'staging'],
    LOG_LEVEL: ['verbose', 'INFO'],
    EMAIL_VERIFICATION: ['none', 'false'],
    REGISTRATION_REVEALS_EMAIL: ['yes', '1', 'TRUE'],
    ALLOW_INSECURE_DEVELOPMENT: ['yes', 'on'],
    ACCESS_TOKEN_CLAIMS: ['email roles', 'sub', 'password_hash'],
    CORS_ORIGINS: ['*', 'null', 'https://a.example/', 'a.example', 'https://*.example.com'],
    TRUSTED_PROXIES: ['proxy.example', '10.0.0.0/33', '10.1.1', '*', '::/129', '10.1.1.0/8/8'],
    OUTBOUND_ALLOWED_HOSTS: [
      ...['hooks.canary', '*:443', 'hooks.canary:0', 'hooks.canary:65536', '10.0.0.0/8:443'],
      ...['https://hooks.canary:443', 'u@hooks.canary:443', '::1:443', '999.1.1.1:443']
    ],
    OUTBOUND_CA: [
      'canary',
      '-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----',
      '-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----'
    ],
    DATABASE_URL: ['mysql://canary@db', 'canary', 'http://canary'],
    REDIS_URL: ['http://canary', 'canary:6379'],
    SMTP_URL: ['mail.canary:25', 'http://canary'],
    MAIL_FROM: ['nobody', 'a@b@c', 'x <a@b.c>\r\nBcc: canary@example.com'],
    BRAND_NAME: ['<b>canary</b>', 'canary\r\nBcc: x', 'canary\u202e', 'x'.repeat(61)]
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) refuses(t, { [name]: value }, name, value)
  }
  const config = readConfig({
    CORS_ORIGINS: 'https://a.example, http://localhost:5173',
    TRUSTED_PROXIES: '10.0.0.0/8 127.0.0.1,::1,fd00::/8 loopback',
    ACCESS_TOKEN_CLAIMS: 'name, email',
    OUTBOUND_ALLOWED_HOSTS: 'hooks.internal:8443 10.0.0.7:443, [::1]:9000'
  })
  t.strictSame(config.outboundAllowedHosts, ['hooks.internal:8443', '10.0.0.7:443', '[::1]:9000'])
  const from = (MAIL_FROM: string) => readConfig({ MAIL_FROM }).mailFrom
  t.strictSame(from('Acme, Inc. <a@b.c>'), { name: 'Acme, Inc.', address: 'a@b.c' })
  t.strictSame(from('a@b.c'), { name: undefined, address: 'a@b.c' })
  t.strictSame(config.corsOrigins, ['https://a.example', 'http://localhost:5173'])
  t.strictSame(config.trustedProxies, ['10.0.0.0/8', '127.0.0.1', '::1', 'fd00::/8', 'loopback'])
  t.strictSame(config.accessTokenClaims.toSorted(), ['email', 'name'])
  t.end()
})

void t.test('an idle life beyond the absolute one: refused', (t) => {
  const lives = { REFRESH_IDLE_SECONDS: '120', REFRESH_ABSOLUTE_SECONDS: '119' }
  refuses(t, lives, 'REFRESH_IDLE_SECONDS')
  t.strictSame(problemsOf({ ...lives, REFRESH_ABSOLUTE_SECONDS: '120' }), [])
  t.end()
})

void t.test('NAME_FILE: read for every setting, without the line end', async (t) => {
  const path = await givenFile(t, `${KEY.toString('base64')}\n`)
  t.same(readConfig({ KEY_ENCRYPTION_KEY_FILE: path }).keyEncryptionKey, KEY)
  const port = await givenFile(t, '8081\r\n')
  t.equal(readConfig({ PORT_FILE: port }).port, 8_081)
  const files: Record<string, string> = {}
  for (const [name, value] of Object.entries(PRODUCTION)) {
    files[`${name}_FILE`] = await givenFile(t, `${value}\n`)
  }
  t.same(readConfig(files), readConfig(PRODUCTION), 'all of production from files')
})

void t.test('NAME_FILE that gives nothing good: a problem, without value or content', async (t) => {
  const path = await givenFile(t, 'canary-content')
  for (const { name } of Object.values(SETTINGS)) {
    const missing = `${path}-canary`
    refuses(t, { [`${name}_FILE`]: missing }, `${name}_FILE`, missing)
    refuses(t, { [`${name}_FILE`]: join(path, '..') }, `${name}_FILE`, path)
  }
  const content = problemsOf({
    DATABASE_URL_FILE: path,
    PORT_FILE: path,
    KEY_ENCRYPTION_KEY_FILE: path
  })
  t.equal(content.length, 3)
  t.notMatch(content.join(), /canary/)
  refuses(t, { DATABASE_URL_FILE: await givenFile(t, '\n') }, 'DATABASE_URL')
  if (process.getuid?.() !== 0) {
    await chmod(path, 0)
    refuses(t, { DATABASE_URL_FILE: path }, 'DATABASE_URL_FILE', path)
  }
})

void t.test('NAME and NAME_FILE at once: a problem, whichever is right', async (t) => {
  const path = await givenFile(t, PRODUCTION.DATABASE_URL)
  const both = { ...PRODUCTION, DATABASE_URL_FILE: path }
  refuses(t, both, 'DATABASE_URL_FILE', path)
  refuses(t, { ...PRODUCTION, KEY_ENCRYPTION_KEY_FILE: path }, 'KEY_ENCRYPTION_KEY_FILE', path)
  t.strictSame(problemsOf({ ...PRODUCTION, DATABASE_URL_FILE: '' }), [], 'an empty one is unset')
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
