import t from 'tap'
import { freshEmail, PASSWORD } from '../support/builders.ts'
import { givenFolder, openPage, secretIn, startFreshServer, startProgram } from '../support/page.ts'
import { freePort } from '../support/server.ts'
import { bearer } from '../support/server-sessions.ts'

const AUDIENCE = 'https://orders.example'

void t.test('docs/protect-an-api.md, followed line by line: shows what it says', async (t) => {
  const server = await startFreshServer(t, { ACCESS_TOKEN_AUDIENCE: AUDIENCE })
  const port = await freePort()
  const block = openPage('protect-an-api.md', { 3000: server.port, 4000: port })
  const folder = await givenFolder(t, { 'api.mjs': block('api') })
  const [registered, introspection] = await Promise.all([
    server.shell(block('register')),
    server.shell(block('introspection')),
    startProgram(t, folder, { file: 'api.mjs', port, env: { ISSUER: server.url } })
  ])
  const [secret, apiSecret] = [secretIn(registered), secretIn(introspection)]
  const call = block('call').replace('lks_…', secret)
  const said = await server.shell(`${call}\necho "$TOKEN"`)
  const [first, second, third, token = ''] = said.split('\n')
  t.equal(first, '{} 401')
  t.equal(second, '{"for":"orders-robot","orders":[{"id":1,"item":"lantern"}]} 200')
  t.equal(third, '{} 403')
  t.match(await server.shell(block('ask'), { TOKEN: token }), /"active":true.* 200$/m)
  const introspected = await server.shell(block('introspect'), {
    TOKEN: token,
    API_SECRET: apiSecret
  })
  t.match(JSON.parse(introspected), { active: true, sub: 'orders-robot', aud: AUDIENCE })

  await t.test('a token of a person: scope and role are asked separately', async (t) => {
    const email = freshEmail()
    await server.post('/auth/register', { email, password: PASSWORD })
    await server.shell(`npm run users -- role ${email} admin user`)
    const login = await server.post('/auth/login', { email, password: PASSWORD })
    const { access_token: admin } = (await login.json()) as { access_token: string }
    const answer = await fetch(`http://localhost:${port}/orders`, { headers: bearer(admin) })
    t.equal(answer.status, 403, 'an administrator, by an application without the scope')
    t.match(answer.headers.get('www-authenticate'), 'scope="orders:read"')
  })

  await t.test('a token that may write, without the role: writes, deletes nothing', async (t) => {
    const all = await fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`orders-robot:${secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' })
    })
    const { access_token: robot } = (await all.json()) as { access_token: string }
    const ask = (method: string) =>
      fetch(`http://localhost:${port}/orders`, { method, headers: bearer(robot) })
    t.equal((await ask('POST')).status, 200)
    t.equal((await ask('DELETE')).status, 403)
    t.equal(((await (await ask('GET')).json()) as { orders: unknown[] }).orders.length, 2)
  })

  await t.test('Latchkey away before the keys were fetched: 503', async (t) => {
    const other = await freePort()
    const code = block('api').replace(`listen(${port},`, `listen(${other},`)
    const nowhere = `http://localhost:${await freePort()}`
    const api = await givenFolder(t, { 'api.mjs': code })
    await startProgram(t, api, { file: 'api.mjs', port: other, env: { ISSUER: nowhere } })
    const answer = await fetch(`http://localhost:${other}/orders`, { headers: bearer(token) })
    t.equal(answer.status, 503)
  })
})
