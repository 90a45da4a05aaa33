import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type axe from 'axe-core'
import type { Page } from 'playwright-core'

const axeSource = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/** What WCAG 2.2 A and AA, and axe's own best practices, object to. */
export async function violationsOf(page: Page, options: axe.RunOptions): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(axeSource)
  const { violations } = await page.evaluate(async (runOptions) => {
    const { axe: inPage } = globalThis as unknown as { axe: typeof axe }
    return inPage.run(runOptions)
  }, options)
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

/** In the dark nothing but the colours is another. */
export const RULES: Record<'light' | 'dark', axe.RunOptions> = {
  light: {},
  dark: { runOnly: ['color-contrast', 'link-in-text-block'] }
}
