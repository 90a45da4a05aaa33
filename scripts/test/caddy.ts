import { readFileSync } from 'node:fs'
import { ensureProgram } from './debian-package.ts'

/** What a test imports that starts the proxy of docker-compose.yml. */
const CADDY = /support\/caddy\.ts'/

/** Caddy, where one of these test files needs it. */
export async function ensureCaddy(files: string[]): Promise<void> {
  if (!files.some((file) => CADDY.test(readFileSync(file, 'utf8')))) return
  await ensureProgram({ program: 'caddy', debianPackage: 'caddy', versionFlag: 'version' })
}
