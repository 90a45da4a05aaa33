import t from 'tap'
import { givenFolder, openPage, secretIn, startFreshServer, startProgram } from '../support/page.ts'
import { freePort } from '../support/server.ts'
import { bearer, givenServerSession, givenServerUser } from '../support/server-sessions.ts'

void t.test('docs/machine-to-machine.md, followed line by line: shows what it says', async (t) => {
  const audience = 'https://orders.example'
  const server = await startFreshServer(t, { ACCESS_TOKEN_AUDIENCE: audience })
  const port = await freePort()
  const block = openPage('machine-to-machine.md', { 3000: server.port, 4000: port })
  const folder = await givenFolder(t, { 'orders.mjs': block('orders') })
  const env = { ISSUER: server.url }
  const [registered] = await Promise.all([
    server.shell(block('register')),
    startProgram(t, folder, { file: 'orders.mjs', port, env })
  ])
  const secret = secretIn(registered)
  const token = await server.shell(block('token').replace('lks_…', secret))
  t.match(JSON.parse(token), { token_type: 'Bearer', expires_in: 600, scope: 'orders:read' })
  const called = await server.shell(block('call').replace('lks_…', secret))
  t.same(called.trim().split('\n'), [
    '{"for":"invoices","orders":["lantern"]} 200',
    '{"error":"invalid_token"} 401'
  ])
  const person = await givenServerSession(server, await givenServerUser(server))
  const answer = await fetch(`http://localhost:${port}`, { headers: bearer(person.accessToken) })
  t.equal(answer.status, 403, 'a person’s token is for this audience too, and not for this service')
})
