import { readFileSync } from 'node:fs'
import { ensureProgram } from './debian-package.ts'

/** What a test imports that goes through a real PgBouncer. */
const PGBOUNCER = /support\/pgbouncer\.ts'/

/** PgBouncer, where one of these test files needs it. */
export async function ensurePgBouncer(files: string[]): Promise<void> {
  if (!files.some((file) => PGBOUNCER.test(readFileSync(file, 'utf8')))) return
  await ensureProgram({ program: 'pgbouncer', debianPackage: 'pgbouncer' })
}
