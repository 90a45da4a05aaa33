import { readFileSync } from 'node:fs'
import { ensureProgram, type NeededProgram } from './debian-package.ts'

/** What a test imports that starts real proxies. */
const PROXIES = /support\/proxies\.ts'/
const PROGRAMS: NeededProgram[] = [
  { program: 'nginx', debianPackage: 'nginx', versionFlag: '-v' },
  { program: 'haproxy', debianPackage: 'haproxy', versionFlag: '-v' }
]

/** Nginx and HAProxy, where one of these test files needs them. */
export async function ensureProxies(files: string[]): Promise<void> {
  if (!files.some((file) => PROXIES.test(readFileSync(file, 'utf8')))) return
  for (const program of PROGRAMS) await ensureProgram(program)
}
