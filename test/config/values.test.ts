import { randomBytes } from 'node:crypto'
import t from 'tap'
import { readConfig } from '../../src/config.ts'
import { KEY, problemsOf, refuses } from '../support/settings.ts'

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
