import { readFileSync } from 'node:fs'
import { ensureProgram } from './debian-package.ts'

/** What a test imports that asks Prometheus whether rules and expressions are right. */
const PROMTOOL = /support\/promtool\.ts'/

/** promtool, where one of these test files needs it. */
export async function ensurePromtool(files: string[]): Promise<void> {
  if (!files.some((file) => PROMTOOL.test(readFileSync(file, 'utf8')))) return
  await ensureProgram({ program: 'promtool', debianPackage: 'prometheus' })
}
