import t from 'tap'
import { openBrowser, openWindow, startListeningApp } from '../support/browser.ts'

const app = await startListeningApp(t)
const browser = await openBrowser(t)

void t.test(
  '/docs, in a browser: the API under its own name, and nothing goes wrong',
  async (t) => {
    const { page } = await openWindow(t, browser, app.issuer)
    const wrong: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') wrong.push(message.text())
    })
    page.on('pageerror', (error) => wrong.push(error.message))
    page.on('response', (answer) => {
      if (answer.status() >= 400) wrong.push(`${answer.status()} ${answer.url()}`)
    })
    for (const path of ['/docs', '/docs/', '/']) {
      await page.goto(path, { waitUntil: 'load' })
      if (path === '/') break
      await page.getByText('/auth/register', { exact: true }).first().waitFor()
      t.equal(await page.title(), 'Latchkey API', path)
      t.equal(await page.getByText('Explore').count(), 0, 'no other document to explore')
      t.notOk(await page.locator('.topbar').count(), 'and no logo of another')
      const pictures = process.env['PICTURES_DIR']
      if (pictures !== undefined) await page.screenshot({ path: `${pictures}/docs.png` })
    }
    await page.getByText('You are not logged in.').waitFor()
    t.strictSame(wrong, [])
  }
)
