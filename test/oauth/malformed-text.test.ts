import { exportJWK, generateKeyPair } from 'jose'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { startNeighbour } from '../support/neighbour.ts'
import { authorizeUrl, givenAdmin, pkcePair, REDIRECT_URI } from '../support/oauth.ts'

const neighbour = await startNeighbour(t)
const app = await startApp(t, {
  ...neighbour.env,
  DYNAMIC_REGISTRATION: 'open',
  RATE_LIMIT_CLIENT_REGISTRATION_PER_HOUR: '10000',
  CLIENT_ID_METADATA_DOCUMENTS: 'true'
})
const admin = { authorization: `Bearer ${await givenAdmin(app)}` }
const key = await exportJWK((await generateKeyPair('ES256')).publicKey)

/** What Postgres cannot keep, and what nobody could read. */
const BAD = ['\u0000', '\ud800', '\u0007']

const uri = (bad: string) => `https://x.example/${bad}`

/** Every text of a client's metadata that is kept. */
const METADATA: Record<string, (bad: string) => object> = {
  redirect_uris: (bad) => ({ redirect_uris: [uri(bad)] }),
  post_logout_redirect_uris: (bad) => ({ post_logout_redirect_uris: [uri(bad)] }),
  backchannel_logout_uri: (bad) => ({ backchannel_logout_uri: uri(bad) }),
  jwks_uri: (bad) => ({ jwks_uri: uri(bad) }),
  client_uri: (bad) => ({ client_uri: uri(bad) }),
  logo_uri: (bad) => ({ logo_uri: uri(bad) }),
  policy_uri: (bad) => ({ policy_uri: uri(bad) }),
  tos_uri: (bad) => ({ tos_uri: uri(bad) }),
  sector_identifier_uri: (bad) => ({ sector_identifier_uri: uri(bad) }),
  contacts: (bad) => ({ contacts: [bad] }),
  client_name: (bad) => ({ client_name: `n${bad}` }),
  kid: (bad) => ({ jwks: { keys: [{ ...key, kid: bad }] } }),
  alg: (bad) => ({ jwks: { keys: [{ ...key, alg: bad }] } }),
  use: (bad) => ({ jwks: { keys: [{ ...key, use: bad }] } }),
  key_ops: (bad) => ({ jwks: { keys: [{ ...key, key_ops: [bad] }] } }),
  x5c: (bad) => ({ jwks: { keys: [{ ...key, x5c: [bad] }] } }),
  'x5t#S256': (bad) => ({ jwks: { keys: [{ ...key, 'x5t#S256': bad }] } })
}

const countClients = async () => (await app.sql('SELECT count(*)::int AS n FROM client'))[0]

for (const [field, make] of Object.entries(METADATA)) {
  void t.test(`${field} with what cannot be kept: refused, and nothing is`, async (t) => {
    const before = await countClients()
    for (const bad of BAD) {
      const what = JSON.stringify(bad)
      const body = { client_name: 'N', redirect_uris: [REDIRECT_URI], ...make(bad) }
      const registered = await app.post('/oauth/register', body)
      t.equal(registered.statusCode, 400, `registered ${what}`)
      t.match(registered.json().error, /^invalid_(redirect_uri|client_metadata)$/, what)
      const written = await app.post('/admin/clients', body, admin)
      t.equal(written.statusCode, 422, `by an administrator ${what}`)
    }
    t.same(await countClients(), before)
  })

  void t.test(`${field}, so, in a client's own document: refused (400)`, async (t) => {
    for (const [index, bad] of BAD.entries()) {
      const path = `/${encodeURIComponent(field)}-${index}.json`
      const id = neighbour.url + path
      const method = 'jwks' in make(bad) ? 'private_key_jwt' : 'none'
      const body = {
        client_id: id,
        client_name: 'N',
        redirect_uris: [REDIRECT_URI],
        token_endpoint_auth_method: method,
        ...make(bad)
      }
      neighbour.pages.set(path, { body })
      const parameters = { code_challenge: pkcePair().challenge, code_challenge_method: 'S256' }
      const answer = await app.get(authorizeUrl({ id, secret: null }, parameters))
      t.equal(answer.statusCode, 400, JSON.stringify(bad))
    }
  })
}

void t.test('a wrong kind of key member, registered: refused, not kept', async (t) => {
  for (const member of [{ kid: { a: 1 } }, { key_ops: 'verify' }, { x5c: [1] }, { use: 5 }]) {
    const body = { redirect_uris: [REDIRECT_URI], jwks: { keys: [{ ...key, ...member }] } }
    const answer = await app.post('/oauth/register', body)
    t.equal(answer.statusCode, 400, JSON.stringify(member))
    t.equal(answer.json().error, 'invalid_client_metadata')
  }
})

void t.test('a registration that can be none, asked for: 401, whatever the token', async (t) => {
  for (const id of ['%00', '%07', '%C3%A9', 'a%20b']) {
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      const answer = await app.app.inject({
        method,
        url: `/oauth/register/${id}`,
        headers: { authorization: 'Bearer lkr_x' },
        ...(method === 'PUT' && { body: { redirect_uris: [REDIRECT_URI] } })
      })
      t.equal(answer.statusCode, 401, `${method} ${id}`)
      t.equal(answer.json().error, 'invalid_token')
    }
  }
})
