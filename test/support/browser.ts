import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { startApp } from './app.ts'
import { freePort } from './server.ts'

export type { Page }

/** `npm test` installs it where it is missing; elsewhere the variable says where a Chromium or Chrome is. */
export const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'

/** Nothing but what the test does: no first-run pages, no updates, no look at the world. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

/** A real browser without a window, closed when the test ends. */
export async function openBrowser(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGS })
  t.teardown(async () => {
    await browser.close()
  })
  return browser
}

/** The production app, listening where its issuer says. */
export async function startListeningApp(t: Test, env: Record<string, string> = {}) {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const app = await startApp(t, { ...env, ISSUER: issuer, PORT: String(port) })
  await app.app.listen({ host: 'localhost', port })
  return { ...app, issuer }
}

/** A window of its own: no cookie of another. */
export async function openWindow(
  t: Test,
  browser: Browser,
  issuer: string,
  options: BrowserContextOptions = {}
) {
  const context = await browser.newContext({ baseURL: issuer, ...options })
  t.teardown(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  return { context, page }
}
