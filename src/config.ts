import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { SETTINGS, type SettingValues } from './settings.ts'

export type Environment = Record<string, string | undefined>

/** What the server runs with: checked once, frozen, and passed on. Nothing else reads the environment. */
export type Config = Readonly<
  Omit<SettingValues, 'nodeEnv' | 'host' | 'issuer' | 'emailVerification' | 'workers'> & {
    production: boolean
    /** Where to listen; loopback only while nothing is configured. */
    host: string
    /** The origin that tokens name as `iss` and that mail links point to. */
    issuer: string
    /** Processes that share the port. */
    workers: number
    /** Whether a registration becomes a user only by the mail that proves its address. */
    emailVerificationRequired: boolean
  }
>

/** All that is wrong with the settings, one sentence each. Names settings, never their values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? '1 setting is' : `${problems.length} settings are`
    super(`${count} wrong:\n${problems.map((line) => `  - ${line}`).join('\n')}`)
    this.problems = problems
  }
}

/**
 * Reads and checks every setting at once. `NAME_FILE` gives a setting as the path of a file, as Docker
 * and Kubernetes secrets are.
 * @throws {ConfigError} naming every problem
 */
export function readConfig(env: Environment): Config {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(SETTINGS)) {
    const text = readText(setting.name, env, problems)
    if (text === undefined) {
      values[key] = setting.fallback
      continue
    }
    const parsed = setting.parse(text)
    if (parsed.ok) values[key] = parsed.value
    else problems.push(`${setting.name} must be ${parsed.expected}`)
  }
  const config = complete(values as SettingValues)
  problems.push(...contradictions(config, problems))
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(config)
}

function readText(name: string, env: Environment, problems: string[]): string | undefined {
  const value = env[name]
  const path = env[`${name}_FILE`]
  if (value !== undefined && value !== '') {
    if (path !== undefined && path !== '') problems.push(`set ${name} or ${name}_FILE, not both`)
    return value
  }
  if (path === undefined || path === '') return undefined
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    problems.push(`${name}_FILE names a file that cannot be read (${code})`)
    return undefined
  }
}

function complete({ nodeEnv, host, issuer, emailVerification, ...rest }: SettingValues): Config {
  const production = nodeEnv === 'production'
  const workers = rest.workers === 'auto' ? availableParallelism() : rest.workers
  return {
    ...rest,
    production,
    host: host ?? (production ? '0.0.0.0' : 'localhost'),
    issuer: issuer ?? `http://localhost:${rest.port}`,
    emailVerificationRequired: emailVerification === 'required',
    workers,
    // The cores are the machine's: workers that each took all would hash more at once than there are.
    argon2Concurrency: Math.max(1, Math.floor(rest.argon2Concurrency / workers)),
    argon2QueueLength: Math.ceil(rest.argon2QueueLength / workers)
  }
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/** What each setting alone cannot know. A setting already reported as malformed is not also "missing". */
function contradictions(config: Config, reported: readonly string[]): string[] {
  const problems: string[] = []
  const require = (name: string, value: unknown, why: string) => {
    const known = reported.some((line) => line.includes(name))
    if (value === undefined && !known) problems.push(`${name} is required in production: ${why}`)
  }
  if (config.production) {
    require('DATABASE_URL', config.databaseUrl, 'the Postgres that holds the users')
    require('REDIS_URL', config.redisUrl, 'the Redis that the replicas share')
    require('SMTP_URL', config.smtpUrl, 'the server that takes the mail')
    const keyAdvice = 'the key that seals all others; openssl rand -base64 32 makes one'
    require('KEY_ENCRYPTION_KEY', config.keyEncryptionKey, keyAdvice)
    if (!config.issuer.startsWith('https://')) {
      problems.push('ISSUER is required in production and must be an https origin without a path')
    }
    if (config.dynamicRegistration === 'open') {
      problems.push(
        'DYNAMIC_REGISTRATION must be off or token in production: open lets strangers in'
      )
    }
  } else if (!LOOPBACK.test(config.host) && !config.allowInsecureDevelopment) {
    problems.push(
      'HOST must be a loopback address outside production, or set ALLOW_INSECURE_DEVELOPMENT=true'
    )
  }
  if (
    config.workers > 1 &&
    config.redisUrl === undefined &&
    !reported.some((line) => line.includes('REDIS_URL') || line.includes('WORKERS'))
  ) {
    problems.push('WORKERS must be 1 without REDIS_URL: each would count attempts for itself')
  }
  const { captchaProvider, captchaSiteKey, captchaSecret } = config
  const keys = { CAPTCHA_SITE_KEY: captchaSiteKey, CAPTCHA_SECRET: captchaSecret }
  for (const [name, value] of Object.entries(keys)) {
    const isOdd = (value === undefined) !== (captchaProvider === undefined)
    const known = reported.some((line) => line.includes('CAPTCHA_PROVIDER'))
    if (isOdd && !known)
      problems.push(`${name} and CAPTCHA_PROVIDER are set together or not at all`)
  }
  if (config.metricsPort !== undefined && config.metricsPort === config.port) {
    problems.push('METRICS_PORT must be another one than PORT')
  }
  // Published ports, node ports and TCP balancers show a private address of theirs instead of the peer's.
  if (
    config.production &&
    config.metricsPort !== undefined &&
    config.metricsToken === undefined &&
    !LOOPBACK.test(config.host) &&
    !reported.some((line) => line.includes('METRICS_TOKEN'))
  ) {
    problems.push(
      'METRICS_TOKEN is required in production with METRICS_PORT, unless HOST is a loopback address'
    )
  }
  const { keyEncryptionKey, keyEncryptionKeyPrevious } = config
  if (
    keyEncryptionKeyPrevious !== undefined &&
    keyEncryptionKey?.equals(keyEncryptionKeyPrevious) === true
  ) {
    problems.push('KEY_ENCRYPTION_KEY_PREVIOUS must be another key than KEY_ENCRYPTION_KEY')
  }
  if (config.refreshIdleSeconds > config.refreshAbsoluteSeconds) {
    problems.push('REFRESH_IDLE_SECONDS must not exceed REFRESH_ABSOLUTE_SECONDS')
  }
  return problems
}
