import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Environment } from '../../src/config.ts'
import { examine } from '../../src/ops/doctor/examine.ts'

/** What production asks for beside a database and a key; nothing answers there. */
export const PRODUCTION = {
  NODE_ENV: 'production',
  ISSUER: 'https://id.example.com',
  REDIS_URL: 'redis://127.0.0.1:1',
  SMTP_URL: 'smtp://127.0.0.1:1'
}

/** `npm run doctor -- …args`, with nothing but `env`. */
export function runDoctor(env: Record<string, string>, ...args: string[]) {
  return spawnSync(process.execPath, ['scripts/doctor.ts', ...args], {
    cwd: join(import.meta.dirname, '..', '..'),
    env: { PATH: process.env['PATH'] ?? '', ...env },
    encoding: 'utf8'
  })
}

/** Asks for what the doctor finds of one kind, with `more` on top of the settings `env`. */
export function findingsIn(env: Environment) {
  return async (check: string, more: Environment = {}) => {
    const all = await examine({ ...env, ...more })
    return all.filter((finding) => finding.check === check)
  }
}
