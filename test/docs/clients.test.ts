import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readDocument } from '../../src/oauth/documents/read-document.ts'
import { SETTINGS } from '../../src/settings.ts'
import { openPage, secretIn, startFreshServer } from '../support/page.ts'

void t.test('docs/clients.md, followed line by line: shows what it says', async (t) => {
  const server = await startFreshServer(t, { DYNAMIC_REGISTRATION: 'token' })
  const block = openPage('clients.md', { 3000: server.port })
  const [first, made] = await Promise.all([
    server.shell(block('web')),
    server.shell(block('initial-token'))
  ])
  const second = await server.shell(block('rotate'))
  for (const output of [first, second]) {
    const answer = await fetch(`${server.url}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`shop:${secretIn(output)}`)}` },
      body: new URLSearchParams({ token: 'none' })
    })
    t.equal(answer.status, 200, 'both secrets work')
  }
  const token = /token +(lki_\S+)/.exec(made)?.[1] ?? ''
  const registered = JSON.parse(await server.shell(block('dynamic').replace('lki_…', token)))
  t.match(registered, { client_name: 'Partner shop', scope: 'openid email' })
  t.match(registered.client_secret, /^lks_/)
  const own = await fetch(registered.registration_client_uri, {
    headers: { authorization: `Bearer ${registered.registration_access_token as string}` }
  })
  t.equal(own.status, 200)
})

void t.test('the document of the page: describes a client that is let in', async (t) => {
  const url = 'https://editor.example/oauth/client.json'
  const bounds = { scopes: ['openid', 'tools'], audiences: [] }
  const client = await readDocument(url, openPage('clients.md', {})('document'), bounds)
  t.match(client, { id: url, name: 'Editor', scopes: ['openid', 'tools'], requirePkce: true })
})

void t.test('the settings that the page names: exist', async (t) => {
  const page = await readFile(join(import.meta.dirname, '../../docs/clients.md'), 'utf8')
  const names = Object.values(SETTINGS).map(({ name }) => name)
  const named = page.match(/\b(DYNAMIC|CLIENT|RATE)_[A-Z_]+/g) ?? []
  t.ok(named.length > 4)
  for (const name of named) t.ok(names.includes(name), name)
})
