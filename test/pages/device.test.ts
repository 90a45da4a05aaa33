import { join } from 'node:path'
import t from 'tap'
import { RULES, violationsOf } from '../support/axe.ts'
import { openBrowser, openWindow, startListeningApp } from '../support/browser.ts'
import { givenUser, PASSWORD } from '../support/builders.ts'
import { givenDevice, givenDeviceClient, poll } from '../support/device.ts'

const app = await startListeningApp(t)
const browser = await openBrowser(t)
const client = await givenDeviceClient(app)
/** The longest address that breaks nowhere by itself. */
const email = `${'a'.repeat(64)}@${'b'.repeat(60)}.example`
const user = await givenUser(app, { email })
/** Where to leave pictures, for whoever wants to look. */
const pictures = process.env['PICTURES_DIR']

for (const colorScheme of ['light', 'dark'] as const) {
  void t.test(
    `a device, let in without JavaScript, in the ${colorScheme}: gets tokens, and axe finds nothing`,
    async (t) => {
      const { page } = await openWindow(t, browser, app.issuer, {
        colorScheme,
        javaScriptEnabled: false
      })
      const looking = await openWindow(t, browser, app.issuer, { colorScheme })

      /** A copy of the page where axe can run; the visitor's own has no scripts. */
      const look = async (what: string) => {
        await looking.page.route('**/shown', (route) =>
          page.content().then((body) => route.fulfill({ body, contentType: 'text/html' }))
        )
        for (const width of [390, 1_280]) {
          await page.setViewportSize({ width, height: 800 })
          await looking.page.setViewportSize({ width, height: 800 })
          await looking.page.goto('/shown')
          t.strictSame(await violationsOf(looking.page, RULES[colorScheme]), [], what)
          const isTooWide = await looking.page.evaluate(
            'document.documentElement.scrollWidth > document.documentElement.clientWidth'
          )
          t.notOk(isTooWide, `${what}: fits ${width}`)
          if (pictures === undefined) continue
          const path = join(pictures, `${what}-${width}-${colorScheme}.png`)
          await page.screenshot({ path, fullPage: true })
        }
        await looking.page.unroute('**/shown')
      }

      const scope = 'openid profile email offline_access'
      const { device_code: code, ...shown } = await givenDevice(app, client, { scope })
      await page.goto(shown.verification_uri_complete)
      await page.getByLabel('E-mail address or username').fill(user.email)
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Log in' }).click()
      t.equal(page.url(), shown.verification_uri_complete, 'back from the login')
      const field = page.getByLabel('Code, such as')
      t.equal(await field.inputValue(), shown.user_code)
      await look('form')

      await field.fill('2222-2222')
      await page.getByRole('button', { name: 'Go on' }).click()
      t.match(await page.getByRole('alert').textContent(), 'This code is wrong')
      await look('refused')

      await page.getByLabel('Code, such as').fill(shown.user_code.toLowerCase())
      await page.getByRole('button', { name: 'Go on' }).click()
      t.match(await page.textContent('h1'), 'Let Television in on another device?')
      t.match(await page.textContent('main'), shown.user_code)
      await look('question')
      t.equal((await poll(app, client, code)).json().error, 'authorization_pending')

      await page.getByRole('button', { name: 'Allow', exact: true }).click()
      t.match(await page.textContent('h1'), 'Your device is let in')
      await look('done')
      t.equal((await poll(app, client, code)).statusCode, 200)
    }
  )
}
