import t from 'tap'
import { RULES, violationsOf } from '../support/axe.ts'
import { openBrowser, openWindow, startListeningApp } from '../support/browser.ts'
import { givenSession, givenUser, PASSWORD } from '../support/builders.ts'

const app = await startListeningApp(t)
const browser = await openBrowser(t)
const user = await givenUser(app)
await givenSession(app, user)

/** Pages that anybody may open. */
const OPEN = [
  '/',
  '/login',
  '/register',
  '/register/mail',
  '/logout',
  '/forgot-password',
  '/reset-password',
  '/reset-password?token=x',
  '/verify-email',
  '/verify-email?token=x',
  '/undo-email-change',
  '/undo-email-change?token=x',
  '/error',
  '/dev/mail',
  '/nothing-here'
]

for (const colorScheme of ['light', 'dark'] as const) {
  void t.test(`every page, in the ${colorScheme}: axe finds nothing`, async (t) => {
    const viewport = { width: colorScheme === 'light' ? 1_280 : 390, height: 800 }
    const { page } = await openWindow(t, browser, app.issuer, { colorScheme, viewport })
    const look = async (what: string) => {
      t.strictSame(await violationsOf(page, RULES[colorScheme]), [], what)
      const isTooWide = await page.evaluate(
        'document.documentElement.scrollWidth > document.documentElement.clientWidth'
      )
      t.notOk(isTooWide, `${what}: fits its window`)
    }
    for (const path of OPEN) {
      await page.goto(path, { waitUntil: 'load' })
      await look(path)
    }
    await page.goto('/login')
    const logIn = async (password: string) => {
      await page.fill('[name=email]', user.email)
      await page.fill('[name=password]', password)
      await page.getByRole('button', { name: 'Log in' }).click()
    }
    await logIn('wrong-otter-12-lantern')
    await look('a login that was refused')
    await logIn(PASSWORD)
    await page.waitForURL('**/account')
    for (const path of ['/account', '/account?done=profile', '/', '/logout', '/login']) {
      await page.goto(path)
      await look(`${path}, logged in`)
    }
    await page.goto('/account')
    await page.getByLabel('Current password').fill('wrong-otter-12-lantern')
    await page.getByLabel('New password', { exact: true }).fill('granite-otter-77-meadow')
    await page.getByLabel('New password once more').fill('granite-otter-77-meadow')
    await page.getByRole('button', { name: 'Change the password' }).click()
    await look('an account form that was refused')
  })
}

void t.test('the colour of a brand: on the buttons, and axe finds nothing', async (t) => {
  const branded = await startListeningApp(t, { BRAND_COLOR: '#ffcc00' })
  for (const colorScheme of ['light', 'dark'] as const) {
    await t.test(colorScheme, async (t) => {
      const { page } = await openWindow(t, browser, branded.issuer, { colorScheme })
      await page.goto('/login')
      const shown = await page.evaluate(
        `getComputedStyle(document.querySelector('[type=submit]')).backgroundColor`
      )
      t.equal(shown, 'rgb(255, 204, 0)')
      t.strictSame(await violationsOf(page, RULES.dark), [])
      await page.getByRole('button', { name: 'Log in' }).hover()
      t.strictSame(await violationsOf(page, RULES.dark), [], 'pointed at')
    })
  }
})
