import { CAPTCHA_PROVIDERS } from './abuse/captcha-providers.ts'
import {
  boolean,
  certificates,
  displayName,
  hexColor,
  fraction,
  hostPortList,
  integer,
  key256,
  list,
  listOf,
  listWith,
  mailbox,
  oneOf,
  origin,
  originList,
  postgresUrl,
  proxyList,
  redisUrl,
  secret,
  text,
  url,
  workerCount,
  type Parsed
} from './lib/setting-parsers.ts'
import { DEFAULT_ALGORITHM, SIGNING_ALGORITHMS } from './signing/algorithm.ts'
import { ACCESS_TOKEN_SECONDS } from './tokens/lifetimes.ts'

/** One environment variable: `doc` is its line in the README's table, where `shown` is its default. */
export type Setting<T> = {
  name: string
  doc: string
  shown: string
  parse: (text: string) => Parsed<T>
  fallback: T
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
    'Postgres, or a PgBouncer before it; several hosts (`a:5432,b:5432`) are a primary and its standbys, see [docs/postgres.md](docs/postgres.md)',
    postgresUrl,
    'embedded Postgres; required in production'
  ),
  databaseDirectUrl: unset(
    'DATABASE_DIRECT_URL',
    'Postgres itself, where `DATABASE_URL` is a PgBouncer: migrations need a session',
    postgresUrl,
    '`DATABASE_URL`'
  ),
  databaseReplicaUrl: unset(
    'DATABASE_REPLICA_URL',
    'A streaming standby that answers what administrators read: lists of people, audit events',
    postgresUrl,
    'the primary answers'
  ),
  databaseNamedStatements: optional(
    'DATABASE_NAMED_STATEMENTS',
    'Prepare hot statements once a connection; `false` behind a PgBouncer in transaction mode that keeps none (before 1.21)',
    boolean,
    true
  ),
  workers: optional(
    'WORKERS',
    'Processes that share the port; `auto` is one per core. More than one need `REDIS_URL`',
    workerCount,
    1
  ),
  databasePoolSize: optional(
    'DATABASE_POOL_SIZE',
    'Connections to Postgres that one server keeps; with `WORKERS`, each worker',
    integer(2, 200),
    10
  ),
  redisUrl: unset(
    'REDIS_URL',
    'Redis, Redis Sentinel or Redis Cluster, see [docs/redis.md](docs/redis.md)',
    redisUrl,
    'in-process store; required in production'
  ),
  smtpUrl: unset(
    'SMTP_URL',
    'Mail server',
    url('smtp:', 'smtps:'),
    'mail is kept as files; required in production'
  ),
  mailFrom: optional(
    'MAIL_FROM',
    'Sender of every mail; a bare address is shown as `BRAND_NAME`',
    mailbox,
    { name: undefined, address: 'no-reply@localhost' },
    'no-reply@localhost'
  ),
  mailTemplatesDir: unset(
    'MAIL_TEMPLATES_DIR',
    'Folder of mail templates of your own, see [docs/mail.md](docs/mail.md)',
    text,
    'ours'
  ),
  brandName: optional(
    'BRAND_NAME',
    'What pages and mails call this service',
    displayName,
    'Latchkey'
  ),
  brandLogoFile: unset(
    'BRAND_LOGO_FILE',
    'Picture at the top of every page: svg, png or webp, at most 256 KiB; see [docs/pages.md](docs/pages.md)',
    text,
    'the name'
  ),
  brandColor: unset(
    'BRAND_COLOR',
    'Colour of buttons and links, `#rrggbb`; shades that read on it are chosen',
    hexColor,
    'a blue'
  ),
  pagesTemplatesDir: unset(
    'PAGES_TEMPLATES_DIR',
    'Folder of page templates of your own; each replaces ours of its name',
    text,
    'ours'
  ),
  keyEncryptionKey: unset(
    'KEY_ENCRYPTION_KEY',
    'Seals every other key: 32 random bytes, hex or base64',
    key256,
    'made in `KEYS_DIR/kek`; required in production'
  ),
  keyEncryptionKeyPrevious: unset(
    'KEY_ENCRYPTION_KEY_PREVIOUS',
    'The one before, while it changes: see [docs/encryption-keys.md](docs/encryption-keys.md)',
    key256,
    'none, or `KEYS_DIR/kek.previous`'
  ),
  dataKeyAnnounceSeconds: optional(
    'DATA_KEY_ANNOUNCE_SECONDS',
    'From the making of a data key to its first use, so that every server knows it; they look once a second',
    integer(5, 3_600),
    10
  ),
  keysDir: optional('KEYS_DIR', 'Where a key-encryption key that was made here lies', text, 'keys'),
  signingAlgorithms: optional(
    'SIGNING_ALGORITHMS',
    'Algorithms that tokens may be signed with, a ring of keys of each: `RS256`, and `ES256` or `EdDSA` for the clients that choose it; see [docs/keys.md](docs/keys.md)',
    listWith(DEFAULT_ALGORITHM, ...SIGNING_ALGORITHMS),
    [DEFAULT_ALGORITHM],
    '`RS256`'
  ),
  signingKeyRotationDays: optional(
    'SIGNING_KEY_ROTATION_DAYS',
    'How long a key signs before the next one does by itself; 0: only when asked by `npm run keys -- rotate`',
    integer(0, 3_650),
    90
  ),
  dataDir: optional('DATA_DIR', 'Where embedded Postgres and captured mail lie', text, '.data'),
  accessTokenTtlSeconds: optional(
    'ACCESS_TOKEN_TTL_SECONDS',
    'Life of an access token',
    integer(ACCESS_TOKEN_SECONDS.minimum, ACCESS_TOKEN_SECONDS.maximum),
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
  sessionsPerUser: optional(
    'SESSIONS_PER_USER',
    'Sessions that a person keeps; the next login ends the least recently used one',
    integer(1, 10_000),
    100
  ),
  passwordMinLength: optional(
    'PASSWORD_MIN_LENGTH',
    'Code points that a password needs at least',
    integer(8, 64),
    8
  ),
  passwordComposition: optional(
    'PASSWORD_COMPOSITION',
    'Kinds of characters that a password needs: any of `lower upper digit symbol`',
    listOf('lower', 'upper', 'digit', 'symbol'),
    [],
    'none'
  ),
  passwordBreachCheck: optional(
    'PASSWORD_BREACH_CHECK',
    'Refuse new passwords that are known from breaches; 20 bits of their SHA-1 are told to the service',
    boolean,
    false
  ),
  passwordBreachUrl: optional(
    'PASSWORD_BREACH_URL',
    'Service that is asked, in the range format of Have I Been Pwned',
    url('https:', 'http:'),
    'https://api.pwnedpasswords.com/range/'
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
    'Password hashes at the same time; not more than cores. Workers share it',
    integer(1, 64),
    2
  ),
  argon2QueueLength: optional(
    'ARGON2_QUEUE_LENGTH',
    'Password hashes that may wait; beyond it the answer is 503',
    integer(1, 10_000),
    64
  ),
  argon2WaitMs: optional(
    'ARGON2_WAIT_MS',
    'A login whose hash has not begun so many milliseconds after it came is refused with 503; so is any other hash that waits so long',
    integer(100, 60_000),
    600
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
  rateLimitLoginPerName: optional(
    'RATE_LIMIT_LOGIN_PER_NAME',
    'Logins under one name in five minutes, right or wrong, from browsers that have not logged in to it before',
    integer(1, 1_000_000),
    20
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
  captchaProvider: unset(
    'CAPTCHA_PROVIDER',
    '`turnstile`, `hcaptcha` or `recaptcha`, asked after suspicious attempts to log in, register or reset',
    oneOf(...CAPTCHA_PROVIDERS),
    'no CAPTCHA'
  ),
  captchaSiteKey: unset('CAPTCHA_SITE_KEY', 'The public key that its widget shows', text, 'none'),
  captchaSecret: unset('CAPTCHA_SECRET', 'The key that its tokens are verified with', text, 'none'),
  captchaAfterAttempts: optional(
    'CAPTCHA_AFTER_ATTEMPTS',
    'Wrong logins, registrations and resets in an hour from one address, or wrong logins under one name, before it is asked for; 0 asks always',
    integer(0, 1_000_000),
    3
  ),
  captchaMinScore: optional(
    'CAPTCHA_MIN_SCORE',
    'Score that reCAPTCHA v3 has to give, 0 to 1',
    fraction,
    0.5
  ),
  captchaHostnames: unset(
    'CAPTCHA_HOSTNAMES',
    'Hosts whose pages may show the widget',
    list,
    'those of `ISSUER` and `CORS_ORIGINS`'
  ),
  captchaVerifyUrl: unset(
    'CAPTCHA_VERIFY_URL',
    'Where its tokens are verified',
    url('https:', 'http:'),
    'as the provider has it'
  ),
  rateLimitDevicePerHour: optional(
    'RATE_LIMIT_DEVICE_PER_HOUR',
    'Codes of devices typed at the page /device, per client address',
    integer(1, 1_000_000),
    30
  ),
  rateLimitAuthorizePerMinute: optional(
    'RATE_LIMIT_AUTHORIZE_PER_MINUTE',
    'Authorization requests (by URL, form, or pushed) and device codes asked for, per client address; raise it where one server pushes requests for many people',
    integer(1, 1_000_000),
    300
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
  purgeIntervalSeconds: optional(
    'PURGE_INTERVAL_SECONDS',
    'How often rows that have expired are looked for and deleted',
    integer(1, DAY_SECONDS),
    600
  ),
  dynamicRegistration: optional(
    'DYNAMIC_REGISTRATION',
    'Who may register clients at `/oauth/register`: nobody, holders of an initial access token, or (`open`, not in production) everybody; see [docs/clients.md](docs/clients.md)',
    oneOf('off', 'token', 'open'),
    'off'
  ),
  rateLimitClientRegistrationPerHour: optional(
    'RATE_LIMIT_CLIENT_REGISTRATION_PER_HOUR',
    'Clients that register, per client address',
    integer(1, 1_000_000),
    60
  ),
  clientIdMetadataDocuments: optional(
    'CLIENT_ID_METADATA_DOCUMENTS',
    'Let in clients whose `client_id` is the URL of a document that describes them (MCP)',
    boolean,
    false
  ),
  clientIdMetadataScopes: optional(
    'CLIENT_ID_METADATA_SCOPES',
    'What such a client may ask for at most',
    list,
    ['openid', 'profile', 'email', 'offline_access'],
    'openid profile email offline_access'
  ),
  clientIdMetadataAudiences: optional(
    'CLIENT_ID_METADATA_AUDIENCES',
    'Resource servers that such a client may name as `resource`, such as `https://mcp.example.com/mcp`',
    list,
    [],
    'none'
  ),
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
  outboundAllowedHosts: optional(
    'OUTBOUND_ALLOWED_HOSTS',
    '`host:port` that webhooks and other requests of the server may reach although the address is private or the port not 443; outside production plain http too, on loopback',
    hostPortList,
    [],
    'none'
  ),
  outboundCa: unset(
    'OUTBOUND_CA',
    'Certificates (PEM) of private authorities that those hosts may show; usually given as `OUTBOUND_CA_FILE`',
    certificates,
    'public authorities only'
  ),
  metricsToken: unset(
    'METRICS_TOKEN',
    'Bearer token that `/metrics` asks for, 16 characters at least',
    secret,
    'loopback only; no metrics in production'
  ),
  metricsPort: unset(
    'METRICS_PORT',
    'Port where `/metrics` answers instead of `PORT`; in production it needs `METRICS_TOKEN`, unless `HOST` is a loopback address',
    integer(1, 65_535),
    'the same as `PORT`'
  ),
  traceEndpoint: unset(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'Collector that traces are sent to (OTLP over HTTP, such as `http://localhost:4318`), see [docs/traces.md](docs/traces.md)',
    url('http:', 'https:'),
    'no traces'
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
