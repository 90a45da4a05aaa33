import t from 'tap'
import { RULES, violationsOf } from '../support/axe.ts'
import { openBrowser, openWindow, startListeningApp } from '../support/browser.ts'
import { givenSession, givenUser, PASSWORD } from '../support/builders.ts'
import { pkceUrl } from '../support/oauth-grants.ts'
import { givenClient } from '../support/oauth.ts'

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

/** A window, whose colours and width change while a page stands: each page is loaded once. */
const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [1_280, 390].map((width) => ({ colorScheme, width }))
)

void t.test(
  'every page, light and dark, on a desk and on a phone: axe finds nothing, and it fits',
  async (t) => {
    const { page } = await openWindow(t, browser, app.issuer)
    const look = async (what: string) => {
      for (const { colorScheme, width } of LOOKS) {
        const how = `${what}, ${colorScheme}, ${width}`
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width, height: 800 })
        // Colours that fade over are neither the old ones nor the new.
        await page.evaluate('document.getAnimations().forEach((animation) => animation.finish())')
        t.strictSame(await violationsOf(page, RULES[colorScheme]), [], how)
        const isTooWide = await page.evaluate(
          'document.documentElement.scrollWidth > document.documentElement.clientWidth'
        )
        t.notOk(isTooWide, `${how}: fits its window`)
      }
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

    const scope = 'openid profile email phone offline_access orders:read'
    await page.goto(pkceUrl(await givenClient(app, { scope }), { scope }))
    await page.waitForURL('**/consent*')
    await look('/consent')
    await page.goto('/oauth/logout')
    await look('/oauth/logout')
    await page.goto('/oauth/authorize?client_id=nobody')
    await look('/oauth/authorize, refused')
  }
)

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
