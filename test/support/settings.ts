import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { ConfigError, readConfig, type Environment } from '../../src/config.ts'

/** A key-encryption key, as the bytes it is. */
export const KEY = randomBytes(32)

/** All that production wants. */
export const PRODUCTION = {
  NODE_ENV: 'production',
  ISSUER: 'https://id.example.com',
  DATABASE_URL: 'postgresql://latchkey@db.example/latchkey',
  REDIS_URL: 'rediss://cache.example:6380',
  SMTP_URL: 'smtps://mail.example',
  KEY_ENCRYPTION_KEY: KEY.toString('hex')
}

/** What is wrong with these settings, one sentence each. */
export function problemsOf(env: Environment): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** Exactly one problem, of the setting named, and its value is not in it. */
export function refuses(t: Test, env: Environment, name: string, value?: string): void {
  const problems = problemsOf(env)
  t.equal(problems.length, 1, `${name}: ${problems.join(' / ')}`)
  t.match(problems[0], new RegExp(`\\b${name}\\b`))
  if (value !== undefined && value.length > 5) t.notOk(problems[0]?.includes(value), 'no value')
}
