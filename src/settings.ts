import { isIP } from 'node:net'

/** A parsed setting, or what it should have been. */
type Parsed<T> = { ok: true; value: T } | { ok: false; expected: string }

/** One environment variable: `doc` is its line in the README's table, where `shown` is its default. */
export type Setting<T> = {
  name: string
  doc: string
  shown: string
  parse: (text: string) => Parsed<T>
  fallback: T
}

const ok = <T>(value: T): Parsed<T> => ({ ok: true, value })

function oneOf<const T extends string>(...choices: T[]): (text: string) => Parsed<T> {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text)
    if (choice === undefined) return { ok: false, expected: `one of ${choices.join(', ')}` }
    return ok(choice)
  }
}

function integer(minimum: number, maximum: number): (text: string) => Parsed<number> {
  return (text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
    if (value >= minimum && value <= maximum) return ok(value)
    return { ok: false, expected: `a whole number from ${minimum} to ${maximum}` }
  }
}

function boolean(text: string): Parsed<boolean> {
  if (text === 'true' || text === 'false') return ok(text === 'true')
  return { ok: false, expected: 'true or false' }
}

function text(value: string): Parsed<string> {
  return ok(value)
}

function list(value: string): Parsed<string[]> {
  return ok(value.split(/[\s,]+/).filter((item) => item !== ''))
}

function listOf<const T extends string>(...choices: T[]): (text: string) => Parsed<T[]> {
  return (value) => {
    const items = value.split(/[\s,]+/).filter((item) => item !== '')
    const known = choices.filter((choice) => items.includes(choice))
    if (items.every((item) => known.some((choice) => choice === item))) return ok(known)
    return { ok: false, expected: `a list of ${choices.join(', ')}` }
  }
}

function url(...protocols: string[]): (text: string) => Parsed<string> {
  return (value) => {
    const parsed = URL.parse(value)
    if (parsed !== null && protocols.includes(parsed.protocol)) return ok(value)
    return {
      ok: false,
      expected: `a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`
    }
  }
}

/** An origin as tokens name it: no path, query, fragment or trailing slash, and nothing stands for "any". */
function origin(value: string): Parsed<string> {
  const parsed = URL.parse(value)
  const isWeb = parsed !== null && /^https?:$/.test(parsed.protocol)
  const isOrigin = isWeb && parsed.origin === value && !value.includes('*')
  return isOrigin
    ? ok(value)
    : { ok: false, expected: 'an origin without a path, such as https://id.example.com' }
}

function originList(value: string): Parsed<string[]> {
  const items = value.split(/[\s,]+/).filter((item) => item !== '')
  if (items.every((item) => origin(item).ok)) return ok(items)
  return { ok: false, expected: 'a list of origins, such as https://app.example.com' }
}

/** Addresses, ranges in CIDR form, and the names that `@fastify/proxy-addr` knows. */
function proxyList(value: string): Parsed<string[]> {
  const items = value.split(/[\s,]+/).filter((item) => item !== '')
  const isKnown = (item: string) => {
    const [address = '', bits = '0', ...rest] = item.split('/')
    const version = isIP(address)
    const maximum = version === 4 ? 32 : 128
    return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= maximum
  }
  const isName = (item: string) => ['loopback', 'linklocal', 'uniquelocal'].includes(item)
  if (items.every((item) => isName(item) || isKnown(item))) return ok(items)
  return { ok: false, expected: 'a list of addresses or ranges, such as 10.0.0.0/8' }
}

/** 256 bits as hex or base64 (url or not). */
function key256(value: string): Parsed<Buffer> {
  const bytes = /^[0-9a-f]{64}$/i.test(value)
    ? Buffer.from(value, 'hex')
    : Buffer.from(value, 'base64')
  const isKey = /^[0-9a-f]{64}$/i.test(value) || /^[A-Za-z0-9+/_-]{43}=?$/.test(value)
  if (isKey && bytes.length === 32) return ok(bytes)
  return { ok: false, expected: '32 random bytes as hex or base64 (openssl rand -base64 32)' }
}

function mailbox(value: string): Parsed<string> {
  if (/^([^<>"\r\n]+ )?<?[^\s<>"@]+@[^\s<>"@]+>?$/.test(value)) return ok(value)
  return { ok: false, expected: 'an address, such as Latchkey <no-reply@example.com>' }
}

/** A setting with a default. */
function optional<T>(
  name: string,
  doc: string,
  parse: (text: string) => Parsed<T>,
  fallback: T,
  shown = String(fallback)
): Setting<T> {
  return { name, doc, shown, parse, fallback }
}

/** A setting that may stay unset; `shown` says what happens then. */
function unset<T>(
  name: string,
  doc: string,
  parse: (text: string) => Parsed<T>,
  shown: string
): Setting<T | undefined> {
  return { name, doc, shown, parse, fallback: undefined }
}

const DAY_SECONDS = 86_400

/** Every setting there is, in the order of the README's table. */
export const SETTINGS = {
  nodeEnv: optional(
    'NODE_ENV',
    '`production` requires all that is marked so and refuses what is unsafe',
    oneOf('development', 'test', 'production'),
    'development'
  ),
  issuer: unset(
    'ISSUER',
    'Origin that tokens name as `iss` and mail links point to; https in production',
    origin,
    '`http://localhost:PORT`; required in production'
  ),
  host: unset('HOST', 'Address to listen on', text, '`localhost`; `0.0.0.0` in production'),
  port: optional('PORT', 'Port to listen on', integer(1, 65_535), 3000),
  databaseUrl: unset(
    'DATABASE_URL',
    'Postgres',
    url('postgres:', 'postgresql:'),
    'embedded Postgres; required in production'
  ),
  databasePoolSize: optional(
    'DATABASE_POOL_SIZE',
    'Connections to Postgres that one server keeps',
    integer(2, 200),
    10
  ),
  redisUrl: unset(
    'REDIS_URL',
    'Redis',
    url('redis:', 'rediss:'),
    'in-process store; required in production'
  ),
  smtpUrl: unset(
    'SMTP_URL',
    'Mail server',
    url('smtp:', 'smtps:'),
    'mail is kept as files; required in production'
  ),
  mailFrom: optional('MAIL_FROM', 'Sender of every mail', mailbox, 'Latchkey <no-reply@localhost>'),
  keyEncryptionKey: unset(
    'KEY_ENCRYPTION_KEY',
    'Seals every other key: 32 random bytes, hex or base64',
    key256,
    'made in `KEYS_DIR/kek`; required in production'
  ),
  keysDir: optional('KEYS_DIR', 'Where a key-encryption key that was made here lies', text, 'keys'),
  dataDir: optional('DATA_DIR', 'Where embedded Postgres and captured mail lie', text, '.data'),
  accessTokenTtlSeconds: optional(
    'ACCESS_TOKEN_TTL_SECONDS',
    'Life of an access token',
    integer(300, 900),
    600
  ),
  accessTokenAudience: optional(
    'ACCESS_TOKEN_AUDIENCE',
    'More values for `aud` of first-party tokens, beside the issuer',
    list,
    [],
    'none'
  ),
  accessTokenClaims: optional(
    'ACCESS_TOKEN_CLAIMS',
    'Personal claims that access tokens carry: any of `email email_verified name username`',
    listOf('email', 'email_verified', 'name', 'username'),
    [],
    'none'
  ),
  refreshIdleSeconds: optional(
    'REFRESH_IDLE_SECONDS',
    'A session ends when it was not refreshed for so long',
    integer(60, 365 * DAY_SECONDS),
    14 * DAY_SECONDS
  ),
  refreshAbsoluteSeconds: optional(
    'REFRESH_ABSOLUTE_SECONDS',
    'A session ends so long after the login, whatever happens',
    integer(60, 365 * DAY_SECONDS),
    30 * DAY_SECONDS
  ),
  refreshGraceSeconds: optional(
    'REFRESH_GRACE_SECONDS',
    'How long a refresh whose answer was lost may be repeated',
    integer(0, 60),
    10
  ),
  passwordMinLength: optional(
    'PASSWORD_MIN_LENGTH',
    'Code points that a password needs at least',
    integer(8, 64),
    8
  ),
  argon2MemoryKib: optional(
    'ARGON2_MEMORY_KIB',
    'Memory of one password hash',
    integer(19_456, 1_048_576),
    19_456
  ),
  argon2Passes: optional('ARGON2_PASSES', 'Passes of one password hash', integer(2, 20), 2),
  argon2Concurrency: optional(
    'ARGON2_CONCURRENCY',
    'Password hashes at the same time; not more than cores',
    integer(1, 64),
    2
  ),
  argon2QueueLength: optional(
    'ARGON2_QUEUE_LENGTH',
    'Password hashes that may wait; beyond it the answer is 503',
    integer(1, 10_000),
    64
  ),
  emailVerification: optional(
    'EMAIL_VERIFICATION',
    '`optional` is for closed networks: registering creates the user at once and tells taken addresses',
    oneOf('required', 'optional'),
    'required'
  ),
  registrationRevealsEmail: optional(
    'REGISTRATION_REVEALS_EMAIL',
    'Answer 409 `email_taken` and 403 `email_not_verified` instead of telling nobody',
    boolean,
    false
  ),
  rateLimitLoginPerMinute: optional(
    'RATE_LIMIT_LOGIN_PER_MINUTE',
    'Logins per client address',
    integer(1, 1_000_000),
    5
  ),
  rateLimitRegisterPerHour: optional(
    'RATE_LIMIT_REGISTER_PER_HOUR',
    'Registrations per client address',
    integer(1, 1_000_000),
    3
  ),
  rateLimitResetPerHour: optional(
    'RATE_LIMIT_RESET_PER_HOUR',
    'Password resets, and mails asked for, per client address',
    integer(1, 1_000_000),
    3
  ),
  mailLimitPerMinute: optional(
    'MAIL_LIMIT_PER_MINUTE',
    'Mails of a kind to one mailbox',
    integer(1, 1_000_000),
    1
  ),
  mailLimitPerHour: optional(
    'MAIL_LIMIT_PER_HOUR',
    'The same, in an hour',
    integer(1, 1_000_000),
    5
  ),
  mailLimitPerDay: optional('MAIL_LIMIT_PER_DAY', 'The same, in a day', integer(1, 1_000_000), 20),
  corsOrigins: optional(
    'CORS_ORIGINS',
    'Exact origins whose pages may call the API',
    originList,
    [],
    'none'
  ),
  trustedProxies: optional(
    'TRUSTED_PROXIES',
    'Addresses or ranges whose `X-Forwarded-For` is believed',
    proxyList,
    [],
    'none'
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

export type SettingValues = {
  [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never
}
