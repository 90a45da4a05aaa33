import t from 'tap'
import { openBrowser, openWindow } from '../support/browser.ts'
import { PASSWORD } from '../support/builders.ts'
import { givenFolder, openPage, startFreshServer, startProgram } from '../support/page.ts'
import { freePort } from '../support/server.ts'
import { givenServerUser } from '../support/server-sessions.ts'

/** What oidc-client-ts keeps. Run in the page. */
const keptTokens = () =>
  JSON.parse(
    Object.entries(
      (globalThis as unknown as { sessionStorage: Record<string, string> }).sessionStorage
    ).find(([key]) => key.startsWith('oidc.user:'))?.[1] ?? 'null'
  ) as { access_token: string; refresh_token: string } | null

void t.test('docs/log-in-from-a-browser-app.md, in a browser', async (t) => {
  const server = await startFreshServer(t)
  const port = await freePort()
  const block = openPage('log-in-from-a-browser-app.md', { 3000: server.port, 4000: port })
  const registering = server.shell(block('register'))
  const names = ['index.html', 'app.js', 'serve.mjs']
  const files = Object.fromEntries(names.map((name) => [name, block(name)]))
  await startProgram(t, await givenFolder(t, files), { file: 'serve.mjs', port })
  const email = await givenServerUser(server)
  t.match(await registering, /client_id +notes\n$/, 'no secret')

  const { page } = await openWindow(t, await openBrowser(t), `http://localhost:${port}`)
  const complaints: string[] = []
  page.on('console', (message) => {
    const isOurs = message.type() === 'error' && !/favicon/.test(message.location().url)
    if (isOurs) complaints.push(message.text())
  })
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const isIn = () => page.getByText(`You are ${email}.`).waitFor()
  const isOut = () => page.getByText('Nobody is logged in.').waitFor()

  await page.goto('/')
  await isOut()
  await press('Log in')
  await page.getByLabel('E-mail address or username').fill(email)
  await page.getByLabel('Password').fill(PASSWORD)
  await press('Log in')
  await page.getByText('Let Notes in?').first().waitFor()
  await press('Allow')
  await isIn()
  t.equal(page.url(), `http://localhost:${port}/`, 'no code stays in the address')
  const first = await page.evaluate(keptTokens)

  await press('New tokens')
  await page.waitForFunction(
    (before) => !Object.values(sessionStorage).join().includes(before),
    first!.refresh_token
  )
  const second = await page.evaluate(keptTokens)
  t.not(second?.access_token, first?.access_token)
  await page.reload()
  await isIn()

  const verify = (token: string) =>
    fetch(`${server.url}/verify-token`, { headers: { authorization: `Bearer ${token}` } })
  t.equal((await verify(second!.access_token)).status, 200)
  // The page says so before it leaves, and once more when it is back.
  const back = page.waitForEvent('domcontentloaded')
  await press('Log out')
  await back
  await isOut()
  t.equal(page.url(), `http://localhost:${port}/`, 'straight back, for the hint says who')
  t.equal(await page.evaluate(keptTokens), null)
  t.equal((await verify(second!.access_token)).status, 401)
  t.strictSame(complaints, [], 'nothing was refused by CORS or a policy')

  await press('Log in')
  await page.getByLabel('Password').waitFor()
  t.equal(new URL(page.url()).origin, server.url, 'the login has ended at Latchkey too')

  await t.test(
    'the login ended elsewhere: the next renewal says so, and nobody is in',
    async (t) => {
      await page.getByLabel('E-mail address or username').fill(email)
      await page.getByLabel('Password').fill(PASSWORD)
      await press('Log in')
      await press('Allow')
      await isIn()
      await server.shell(`npm run users -- disable ${email}`)
      await press('New tokens')
      await isOut()
      t.match(await page.locator('#problem').textContent(), /./)
    }
  )
})
