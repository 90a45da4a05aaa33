import { SignJWT, generateKeyPair } from 'jose'
import t from 'tap'
import { openBrowser, openWindow } from '../support/browser.ts'
import { PASSWORD } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder, openPage, secretIn, startFreshServer, startProgram } from '../support/page.ts'
import { freePort } from '../support/server.ts'
import { givenServerUser } from '../support/server-sessions.ts'

void t.test('docs/log-in-from-a-server-app.md, in a browser', async (t) => {
  const port = await freePort()
  const app = `http://localhost:${port}`
  const server = await startFreshServer(t, { OUTBOUND_ALLOWED_HOSTS: `localhost:${port}` })
  const block = openPage('log-in-from-a-server-app.md', { 3000: server.port, 4000: port })
  const [registered, email] = await Promise.all([
    server.shell(block('register')),
    givenServerUser(server)
  ])
  const code = block('app').replace('port: 4000', `port: ${port}`)
  await startProgram(t, await givenFolder(t, { 'app.mjs': code }), {
    file: 'app.mjs',
    port,
    env: { CLIENT_SECRET: secretIn(registered) }
  })
  const { page, context } = await openWindow(t, await openBrowser(t), app)
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const isIn = () => page.getByText(`You are ${email}.`).waitFor()
  const logIn = async () => {
    await page.goto('/')
    await page.getByRole('link', { name: 'Log in' }).click()
    await page.getByLabel('E-mail address or username').fill(email)
    await page.getByLabel('Password').fill(PASSWORD)
    await press('Log in')
  }

  await t.test('login: asks once, and leaves one cookie that no script reads', async (t) => {
    await logIn()
    await press('Allow')
    await isIn()
    const cookies = (await context.cookies(app)).filter(({ name }) => name.startsWith('shop'))
    t.match(cookies, [{ name: 'shop', httpOnly: true, sameSite: 'Lax' }])
    t.equal(cookies.length, 1)
  })

  await t.test('a callback that another browser began: is refused', async (t) => {
    const begun = await fetch(`${app}/login`, { redirect: 'manual' })
    const { searchParams } = new URL(begun.headers.get('location') ?? '')
    const answer = await fetch(`${app}/callback?code=x&state=${searchParams.get('state') ?? ''}`)
    t.equal(answer.status, 400)
  })

  await t.test('logout: ends both sessions, and leads back', async (t) => {
    await press('Log out')
    await page.getByRole('link', { name: 'Log in' }).waitFor()
    t.equal(page.url(), `${app}/`)
    await page.goto(`${server.url}/account`)
    t.match(page.url(), /\/login/)
  })

  await t.test('a logout at Latchkey: the application is told', async (t) => {
    await logIn()
    await isIn()
    await page.goto(`${server.url}/logout`)
    await press('Log out')
    await eventually('told', async () => {
      await page.goto(`${app}/`)
      return page.getByRole('link', { name: 'Log in' }).isVisible()
    })
    t.pass()
  })

  await t.test('a logout token that Latchkey did not sign: 400, and nobody is out', async (t) => {
    await logIn()
    await isIn()
    const { privateKey } = await generateKeyPair('RS256')
    const forged = await new SignJWT({ sid: 'x', events: {} })
      .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', kid: 'x' })
      .sign(privateKey)
    for (const logoutToken of [forged, 'garbage', '']) {
      const body = new URLSearchParams({ logout_token: logoutToken })
      const answer = await fetch(`${app}/backchannel-logout`, { method: 'POST', body })
      t.equal(answer.status, 400)
    }
    await page.reload()
    await isIn()
  })

  await t.test('tokens about to expire: one refresh for requests that come together', async (t) => {
    const other = await freePort()
    const impatient = code.replaceAll(String(port), String(other)).replace('30_000', '700_000')
    await startProgram(t, await givenFolder(t, { 'app.mjs': impatient }), {
      file: 'app.mjs',
      port: other,
      env: { CLIENT_SECRET: secretIn(registered) }
    })
    await page.goto(`http://localhost:${other}/login`)
    await isIn()
    const cookies = await context.cookies(`http://localhost:${other}`)
    const cookie = cookies.find(({ name }) => name === 'shop')
    for (let round = 0; round < 3; round += 1) {
      const asked = Array.from({ length: 5 }, () =>
        fetch(`http://localhost:${other}/`, { headers: { cookie: `shop=${cookie?.value ?? ''}` } })
      )
      for (const answer of await Promise.all(asked)) t.match(await answer.text(), email)
    }
    await page.goto(`${server.url}/logout`)
    await press('Log out')
    await page.goto(`http://localhost:${other}/`)
    t.ok(
      await page.getByRole('link', { name: 'Log in' }).isVisible(),
      'its end is seen at the next refresh'
    )
  })
})
