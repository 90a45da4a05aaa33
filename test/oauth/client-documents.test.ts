import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../support/app.ts'
import { claimsOf, givenUser } from '../support/builders.ts'
import { startNeighbour, type Page } from '../support/neighbour.ts'
import {
  authorizeUrl,
  givenAdmin,
  givenCode,
  openBrowser,
  pkcePair,
  postForm,
  REDIRECT_URI,
  redeem
} from '../support/oauth.ts'

const MCP = 'https://mcp.example/mcp'
const neighbour = await startNeighbour(t)
const app = await startApp(t, {
  ...neighbour.env,
  CLIENT_ID_METADATA_DOCUMENTS: 'true',
  CLIENT_ID_METADATA_SCOPES: 'openid email offline_access tools',
  CLIENT_ID_METADATA_AUDIENCES: MCP
})

let documents = 0

/** A client that describes itself on its own site. */
function givenDocument(metadata: object = {}, page: Partial<Page> = {}) {
  documents += 1
  const path = `/client-${documents}.json`
  const id = neighbour.url + path
  const body = { client_id: id, client_name: 'Editor', redirect_uris: [REDIRECT_URI], ...metadata }
  neighbour.pages.set(path, { body, ...page })
  return { id, secret: null, path, asked: () => neighbour.asked(path) }
}

const ask = (id: string, more: Record<string, string> = {}) =>
  app.get(
    authorizeUrl(
      { id, secret: null },
      { code_challenge: pkcePair().challenge, code_challenge_method: 'S256', ...more }
    )
  )

void t.test('a client that describes itself: asks, is let in, and gets tokens', async (t) => {
  const client = givenDocument({
    grant_types: ['authorization_code', 'refresh_token', 'implicit'],
    token_endpoint_auth_method: 'none',
    logo_uri: `${neighbour.url}/logo.png`,
    first_party: true
  })
  const scope = 'openid tools offline_access'
  const grant = await givenCode(app, client, { scope, resource: MCP })
  const answer = await redeem(app, client, grant, { resource: MCP })
  t.equal(answer.statusCode, 200, answer.body)
  const tokens = answer.json()
  const claims = claimsOf(tokens.access_token)
  t.match(claims, { client_id: client.id, aud: [MCP, ISSUER], scope, sub: grant.user.id })
  const refreshed = await postForm(app, '/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    client_id: client.id
  })
  t.equal(refreshed.statusCode, 200, refreshed.body)
  const account = await grant.browser.get('/account')
  t.match(account.body, 'Editor')
  t.equal(client.asked(), 1, 'fetched once for all of that')
  t.equal(neighbour.asked('/logo.png'), 0)
  t.equal((await ask(client.id, { resource: 'https://bank.example' })).statusCode, 303)
  const again = await grant.browser.get(
    authorizeUrl(client, { code_challenge: 'a'.repeat(43), code_challenge_method: 'S256', scope })
  )
  t.match(again.headers.location, /code=/, 'a consent that was given is remembered')
})

void t.test('the consent page: names the host that the document lies on', async (t) => {
  const local = 'http://127.0.0.1/callback'
  const client = givenDocument({ redirect_uris: [local] })
  const user = await givenUser(app)
  const browser = openBrowser(app)
  await browser.login(user)
  const asking = { redirect_uri: 'http://127.0.0.1:4711/callback' }
  const pkce = { code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' }
  const { answer, url } = await browser.follow(authorizeUrl(client, { ...asking, ...pkce }))
  t.match(answer.body, new URL(neighbour.url).host)
  t.match(answer.body, '127.0.0.1:4711')
  const request = new URL(url, ISSUER).searchParams.get('request')!
  const allowed = await browser.post('/consent', { request, decision: 'allow' })
  t.match(allowed.headers.location, /^http:\/\/127\.0\.0\.1:4711\/callback\?code=/)
  const second = await browser.get(authorizeUrl(client, { ...asking, ...pkce }))
  t.match(
    second.headers.location,
    /^\/consent/,
    'whoever listens on this machine may not be who listened then'
  )
})

void t.test(
  'a document that will not do: an error page that says why, never a redirect',
  async (t) => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const wrong: [object, Partial<Page>?][] = [
      [{ client_id: 'https://shop.example/other' }],
      [{ client_id: undefined }],
      [{ client_secret: 'shared' }],
      [{ token_endpoint_auth_method: 'client_secret_basic' }],
      [{ token_endpoint_auth_method: 'private_key_jwt' }],
      [{ jwks: { keys: [await exportJWK(privateKey)] } }],
      [{ redirect_uris: ['http://shop.example/cb'] }],
      [{ redirect_uris: ['com.example.app:/cb'] }],
      [{ redirect_uris: 'x' }],
      [{ grant_types: ['client_credentials'] }],
      [{ scope: 'admin' }],
      [{}, { status: 404 }],
      [{}, { status: 302, headers: { location: REDIRECT_URI } }],
      [{}, { headers: { 'content-type': 'text/html' } }],
      [{}, { body: 'not json' }],
      [{}, { body: [] }]
    ]
    for (const [metadata, page] of wrong) {
      const { id } = givenDocument(metadata, page)
      const answer = await ask(id)
      t.equal(answer.statusCode, 400, JSON.stringify([metadata, page]))
      t.notOk(answer.headers.location)
      t.match(answer.headers['content-type'], 'text/html')
    }
    const nobody = await ask('https://localhost:1/client.json')
    t.equal(nobody.statusCode, 400)
    t.match(nobody.body, 'cannot be fetched')
    t.same(
      await app.sql("SELECT id FROM client WHERE name = 'nobody'"),
      [],
      'and nothing is kept of strangers'
    )
  }
)

void t.test('ids that are no such URL: name no client, and nothing is asked', async (t) => {
  const before = neighbour.seen.length
  const { host } = new URL(neighbour.url)
  for (const id of [
    `http://${host}/client-1.json`,
    `https://${host}`,
    `https://${host}/`,
    `https://${host}/a/../client-1.json`,
    `https://user@${host}/client-1.json`,
    `https://${host}/client-1.json#x`,
    `HTTPS://${host}/client-1.json`,
    `https://${host.toUpperCase()}/client-1.json`
  ]) {
    const answer = await ask(id)
    t.equal(answer.statusCode, 400, id)
    t.match(answer.body, 'names no client', id)
  }
  t.equal(neighbour.seen.length, before)
})

void t.test('a document, fetched: once for many, and again when it is stale', async (t) => {
  const client = givenDocument({}, { headers: { 'cache-control': 'max-age=1' } })
  await Promise.all(Array.from({ length: 50 }, () => ask(client.id)))
  t.equal(client.asked(), 1)
  await app.moveTime(290)
  await ask(client.id)
  t.equal(client.asked(), 1, 'not asked more often than every five minutes')
  await app.moveTime(310)
  await ask(client.id)
  t.equal(client.asked(), 2)
  const old = givenDocument({}, { headers: { 'cache-control': 'public, max-age=31536000' } })
  await ask(old.id)
  await app.moveTime(310 + 86_000)
  await ask(old.id)
  t.equal(old.asked(), 1)
  await app.moveTime(310 + 87_000)
  await ask(old.id)
  t.equal(old.asked(), 2, 'and not believed for longer than a day')
  const mended = givenDocument({}, { status: 500 })
  t.equal((await ask(mended.id)).statusCode, 400)
  await ask(mended.id)
  t.equal(mended.asked(), 1)
  neighbour.pages.get(mended.path)!.status = 200
  await app.moveTime(310 + 87_040)
  t.equal((await ask(mended.id)).statusCode, 303)
  await app.moveTime(0)
})

void t.test('a site that does not answer: its last document does, for a day more', async (t) => {
  const client = givenDocument({ grant_types: ['authorization_code', 'refresh_token'] })
  const grant = await givenCode(app, client, { scope: 'openid offline_access' })
  const { refresh_token: token } = (await redeem(app, client, grant)).json()
  const form = { token: 'any', client_id: client.id }
  const revoke = async (on = app) => postForm(on, '/oauth/revoke', form)
  neighbour.pages.get(client.path)!.status = 503
  await app.moveTime(3_700)
  const asked = client.asked()
  const refresh = { grant_type: 'refresh_token', refresh_token: token, client_id: client.id }
  t.equal((await postForm(app, '/oauth/token', refresh)).statusCode, 200)
  t.equal((await ask(client.id)).statusCode, 303)
  t.equal(client.asked(), asked + 1, 'and is left alone for half a minute')
  const restarted = await startApp(t, { ...app.env })
  t.equal((await revoke(restarted)).statusCode, 503, 'a client that somebody has let in')
  await app.moveTime(3_700 + 86_400)
  const answer = await revoke()
  t.equal(answer.statusCode, 503, answer.body)
  t.equal(answer.json().error, 'temporarily_unavailable')
  const stranger = givenDocument({}, { status: 503 })
  t.equal((await ask(stranger.id)).statusCode, 400)
  neighbour.pages.get(client.path)!.status = 404
  await app.moveTime(3_760 + 86_400)
  t.equal((await revoke()).statusCode, 400, 'taken away is taken away')
  await app.moveTime(0)
})

void t.test('a client that signs: private_key_jwt with the keys of its document', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const client = givenDocument({
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [await exportJWK(publicKey)] }
  })
  const grant = await givenCode(app, client)
  t.equal((await redeem(app, client, grant)).statusCode, 401, 'its id alone is not enough')
  const client_assertion = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(client.id)
    .setSubject(client.id)
    .setAudience(ISSUER)
    .setJti(crypto.randomUUID())
    .setExpirationTime('1m')
    .sign(privateKey)
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
  const answer = await redeem(app, client, grant, { client_assertion, client_assertion_type })
  t.equal(answer.statusCode, 200, answer.body)
})

void t.test('an operator disables one: no tokens, and those that there are refused', async (t) => {
  const client = givenDocument()
  const grant = await givenCode(app, client)
  const { access_token: token } = (await redeem(app, client, grant)).json()
  t.equal((await app.get('/oauth/userinfo', token)).statusCode, 200)
  const admin = await givenAdmin(app)
  const url = `/admin/clients/${encodeURIComponent(client.id)}`
  const headers = { authorization: `Bearer ${admin}` }
  t.match((await app.get(url, admin)).json().client, {
    client_id: client.id,
    registered_by: 'document'
  })
  const change = await app.app.inject({ method: 'PUT', url, headers, body: { first_party: true } })
  t.equal(change.statusCode, 400, 'it describes itself')
  t.equal((await app.post(`${url}/disable`, undefined, headers)).statusCode, 200)
  t.equal((await app.get('/oauth/userinfo', token)).statusCode, 401)
  t.equal((await ask(client.id)).statusCode, 400)
  t.equal((await app.post(`${url}/enable`, undefined, headers)).statusCode, 200)
  t.equal((await ask(client.id)).statusCode, 303)
})

void t.test('rows of such clients: only where somebody lets them in, and no longer', async (t) => {
  const [never, once] = [givenDocument(), givenDocument()]
  await ask(never.id)
  const { user } = await givenCode(app, once)
  const rows = async () =>
    (await app.sql('SELECT id FROM client WHERE id = ANY($1)', [[never.id, once.id]])).length
  t.equal(await rows(), 1)
  await app.sql('DELETE FROM consent WHERE user_id = $1', [user.id])
  await app.moveTime(90_000)
  await givenCode(app, givenDocument())
  t.equal(await rows(), 0)
  await app.moveTime(0)
})

void t.test('a person who lets in too many: is told, and nothing more is kept', async (t) => {
  const { user, browser } = await givenCode(app, givenDocument())
  await app.sql(
    `INSERT INTO client (id, name, auth_method, grant_types, scopes, created_at, updated_at)
     SELECT 'https://many.example/' || n, 'Many', 'none', '{}', '{}', now(), now()
       FROM generate_series(1, 99) n`
  )
  await app.sql(
    `INSERT INTO consent SELECT $1, id, '{openid}', now(), now() FROM client WHERE name = 'Many'`,
    [user.id]
  )
  const client = givenDocument()
  await t.rejects(givenCode(app, client, {}, { user, browser }), /access_denied/)
  t.same(await app.sql('SELECT id FROM client WHERE id = $1', [client.id]), [])
})

void t.test('such clients, where no setting lets them in: unknown, and not fetched', async (t) => {
  const off = await startApp(t, neighbour.env)
  const client = givenDocument()
  const answer = await off.get(authorizeUrl(client))
  t.equal(answer.statusCode, 400)
  t.equal(client.asked(), 0)
  const path = '/.well-known/oauth-authorization-server'
  t.notOk('client_id_metadata_document_supported' in (await off.get(path)).json())
  t.equal((await app.get(path)).json().client_id_metadata_document_supported, true)
})
