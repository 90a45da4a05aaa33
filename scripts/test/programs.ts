import { readFileSync } from 'node:fs'
import { CHROMIUM } from '../../test/support/browser.ts'
import { ensureProgram, type NeededProgram } from './debian-package.ts'

/** What starts a program that no package of npm brings, by its file in `test/support`. Redis is needed by all. */
const NEEDED: Record<string, NeededProgram[]> = {
  // Ten times the size of Redis.
  browser: [{ program: CHROMIUM, debianPackage: 'chromium' }],
  // The proxy of docker-compose.yml.
  caddy: [{ program: 'caddy', debianPackage: 'caddy', versionFlag: 'version' }],
  pgbouncer: [{ program: 'pgbouncer', debianPackage: 'pgbouncer' }],
  promtool: [{ program: 'promtool', debianPackage: 'prometheus' }],
  proxies: [
    { program: 'nginx', debianPackage: 'nginx', versionFlag: '-v' },
    { program: 'haproxy', debianPackage: 'haproxy', versionFlag: '-v' }
  ]
}

/** The programs that these files start. */
export async function ensurePrograms(files: string[]): Promise<void> {
  const texts = files.map((file) => readFileSync(file, 'utf8'))
  for (const [support, programs] of Object.entries(NEEDED)) {
    if (!texts.some((text) => text.includes(`support/${support}.ts'`))) continue
    for (const program of programs) await ensureProgram(program)
  }
}
