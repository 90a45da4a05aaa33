import { request as httpRequest, type RequestListener } from 'node:http'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { openBrowser, openWindow, startListeningApp } from '../support/browser.ts'
import { freshEmail, givenUser, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import { listenOnLoopback } from '../support/http-listener.ts'

/** Run in the page. */
const isValid = (input: unknown) => (input as { checkValidity: () => boolean }).checkValidity()
const NEW_PASSWORD = 'granite-otter-77-meadow'
const app = await startListeningApp(t)
const browser = await openBrowser(t)

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

  void t.test(`a life at the pages, ${how}`, async (t) => {
    const { page, context } = await openWindow(t, browser, app.issuer, { javaScriptEnabled })
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 4/.test(message.text())) {
        complaints.push(message.text())
      }
    })
    const email = freshEmail()
    const send = (name: string) => page.getByRole('button', { name, exact: true }).click()
    const cookie = async () =>
      (await context.cookies()).find(({ name }) => name === 'latchkey_session')

    await page.goto('/')
    await page.getByRole('link', { name: 'Create an account' }).click()
    await page.getByLabel('Name').fill('Ada Lovelace')
    await page.getByLabel('E-mail address').fill(email)
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByLabel('Password once more').fill(PASSWORD)
    await send('Create the account')
    t.match(await page.textContent('h1'), 'Look into your mail')

    await page.goto(`/verify-email?token=${secretsOf(await mailTo(app, email)).token}`)
    await send('Verify my address')
    await page.getByRole('link', { name: 'Log in' }).click()
    await page.getByLabel('E-mail address or username').fill(email)
    await page.getByLabel('Password').fill('wrong-otter-12-lantern')
    await send('Log in')
    t.match(await page.getByRole('alert').textContent(), /wrong/)
    t.equal(await page.getByLabel('E-mail address or username').inputValue(), email)
    t.equal(await cookie(), undefined)
    await page.getByLabel('Password').fill(PASSWORD)
    await send('Log in')
    t.equal(new URL(page.url()).pathname, '/account')
    t.match(await cookie(), { httpOnly: true, sameSite: 'Lax', path: '/' })
    t.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Ada Lovelace')
    t.match(await page.textContent('.rows'), /This browser/)

    await page.getByLabel('Name', { exact: true }).fill('Countess Ada')
    await send('Save the name')
    t.match(await page.getByRole('status').textContent(), /saved/)
    await page.getByLabel('Current password').fill(PASSWORD)
    await page.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD)
    await page.getByLabel('New password once more').fill(NEW_PASSWORD)
    await send('Change the password')
    t.match(await page.getByRole('status').textContent(), /password is changed/)

    await page.getByRole('link', { name: 'Log out' }).click()
    await send('Log out')
    t.match(await page.textContent('h1'), 'You are logged out')
    t.equal(await cookie(), undefined)
    await page.goto('/account')
    t.match(page.url(), /\/login\?continue=%2Faccount$/)
    t.equal((await app.post('/auth/login', { email, password: NEW_PASSWORD })).statusCode, 200)
    const [row] = await app.sql<{ name: string }>(
      `SELECT name FROM users WHERE id = (SELECT user_id FROM session ORDER BY created_at DESC LIMIT 1)`
    )
    t.equal(row?.name, 'Countess Ada')
    t.strictSame(complaints, [], 'the policy refused nothing')
  })
}

void t.test('passwords that differ: the script says so before anything is sent', async (t) => {
  const { page } = await openWindow(t, browser, app.issuer)
  await page.goto('/register')
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByLabel('Password once more').fill(`${PASSWORD}!`)
  const again = page.getByLabel('Password once more')
  t.notOk(await again.evaluate(isValid))
  await page.getByRole('button', { name: 'Show what was typed' }).click()
  t.equal(await again.getAttribute('type'), 'text')
  await page.getByRole('button', { name: 'Hide what was typed' }).click()
  await again.fill(PASSWORD)
  t.ok(await again.evaluate(isValid))
  t.equal(await again.getAttribute('type'), 'password')
})

void t.test('a form on a foreign site: the browser itself brings no login', async (t) => {
  const { page, context } = await openWindow(t, browser, app.issuer)
  await context.route('http://evil.example/**', (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<form method="post" action="${app.issuer}/login">
               <input name="email" value="mallory@example.com"><input name="password" value="${PASSWORD}">
               <button>Win a prize</button></form>`
    })
  )
  await page.goto('http://evil.example/')
  await page.getByRole('button').click()
  await page.waitForURL(`${app.issuer}/login`)
  t.match(await page.textContent('h1'), 'Not from here')
  t.strictSame(await context.cookies(app.issuer), [])
})

void t.test('a login that goes on to an application: the policy lets it', async (t) => {
  const application = await listen(t, (_request, response) => {
    response.setHeader('content-type', 'text/html').end('<h1>The application</h1>')
  })
  // It answers for the authorization endpoint, which sends the browser on in the same way.
  const front = await listen(t, (request, response) => {
    if (request.url?.startsWith('/oauth/authorize?') === true) {
      response.writeHead(303, { location: `${application}/callback?code=1` }).end()
    } else {
      const { url: path, method, headers } = request
      const onward = httpRequest(`${app.issuer}${path ?? ''}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      })
      request.pipe(onward)
    }
  })
  const { email } = await givenUser(app)
  const target = encodeURIComponent('/oauth/authorize?client_id=app&scope=openid')
  const logIn = async (page: Page) => {
    await page.getByLabel('E-mail address or username').fill(email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.waitForURL(`${application}/callback?code=1`)
    t.equal(await page.textContent('h1'), 'The application')
  }
  const { page } = await openWindow(t, browser, front)
  await page.goto(`/login?continue=${target}`)
  await logIn(page)
  const [popup] = await Promise.all([
    page.waitForEvent('popup'),
    page.evaluate(`void window.open('${front}/login?continue=${target}', 'login', 'popup')`)
  ])
  await logIn(popup)
  t.ok(await popup.evaluate('window.opener !== null'), 'a window of its own finds the way back')
})

async function listen(t: Test, answer: RequestListener): Promise<string> {
  return `http://localhost:${await listenOnLoopback(t, answer)}`
}
