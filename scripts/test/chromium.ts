import { readFileSync } from 'node:fs'
import { CHROMIUM } from '../../test/support/browser.ts'
import { ensureProgram } from './debian-package.ts'

/** What a test imports that looks at pages as people do. */
const BROWSER = /support\/browser\.ts'/

/** A real browser, where one of these test files needs it: its package is ten times the size of Redis'. */
export async function ensureChromium(files: string[]): Promise<void> {
  if (!files.some((file) => BROWSER.test(readFileSync(file, 'utf8')))) return
  await ensureProgram({ program: CHROMIUM, debianPackage: 'chromium' })
}
