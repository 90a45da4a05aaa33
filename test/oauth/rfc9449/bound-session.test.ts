import t from 'tap'
import { startApp } from '../../support/app.ts'
import { dpopProof, givenKey, type ClientKey } from '../../support/client-keys.ts'
import {
  basic,
  givenClient,
  givenCode,
  postForm,
  REDIRECT_URI,
  type TestClient
} from '../../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  postAs,
  refreshAs,
  type TestTokens
} from '../../support/oauth-grants.ts'

const app = await startApp(t)
const key = await givenKey()
const thief = await givenKey('EdDSA')
const closed = await givenClient(app)
const open = await givenClient(app, { token_endpoint_auth_method: 'none' })
const server = await givenClient(app, {
  resource_server: true,
  grant_types: ['client_credentials']
})
const person = await givenPerson(app)
const USERINFO = '/oauth/userinfo'

async function redeemBound(
  client: TestClient,
  by: ClientKey | null,
  parameters: Record<string, string> = {}
) {
  const { code, verifier } = await givenCode(app, client, parameters, person)
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: verifier
  }
  const headers = by === null ? {} : { dpop: await dpopProof(app, by) }
  return postAs(app, client, '/oauth/token', form, headers)
}

async function userinfo(
  token: string,
  scheme: string,
  dpop?: string,
  method: 'GET' | 'POST' = 'GET'
) {
  const headers = { authorization: `${scheme} ${token}`, ...(dpop !== undefined && { dpop }) }
  return app.app.inject({ method, url: USERINFO, headers })
}
const withoutKey = async (): Promise<Record<string, string>[]> => [
  {},
  { dpop: await dpopProof(app, thief) }
]
const proofFor = async (token: string, by = key, method = 'GET') =>
  dpopProof(app, by, { url: USERINFO, method, accessToken: token })

for (const [name, client] of [
  ['confidential', closed],
  ['public', open]
] as const) {
  void t.test(
    `a session of a ${name} client, bound: every refresh needs the key, the grace too (§5)`,
    async (t) => {
      const first = (await redeemBound(client, key)).json<TestTokens>()
      t.equal(first.token_type, 'DPoP')
      for (const headers of await withoutKey()) {
        const answer = await refreshAs(app, client, first.refresh_token, {}, headers)
        t.equal(answer.json().error, 'invalid_grant')
      }
      const next = await refreshAs(
        app,
        client,
        first.refresh_token,
        {},
        { dpop: await dpopProof(app, key) }
      )
      t.equal(next.statusCode, 200, 'and a thief has spent nothing')
      t.equal(next.json().token_type, 'DPoP')
      for (const headers of await withoutKey()) {
        const answer = await refreshAs(app, client, first.refresh_token, {}, headers)
        t.equal(answer.json().error, 'invalid_grant', 'within the grace')
      }
      const again = await refreshAs(
        app,
        client,
        first.refresh_token,
        {},
        { dpop: await dpopProof(app, key) }
      )
      t.equal(
        again.json().refresh_token,
        next.json().refresh_token,
        'the lost answer, for the key alone'
      )
    }
  )
}

void t.test('a bound token at a resource: with its key, for this request (§7.1)', async (t) => {
  const { access_token: token } = (await redeemBound(closed, key)).json()
  for (const method of ['GET', 'POST'] as const) {
    const answer = await userinfo(token, 'DPoP', await proofFor(token, key, method), method)
    t.equal(answer.statusCode, 200, answer.body)
    t.equal(answer.json().sub, person.user.id)
  }
})

void t.test('a bound token as Bearer: 401, at every door (§7.2)', async (t) => {
  const { access_token: token } = (await redeemBound(closed, key)).json()
  const answers = [
    await userinfo(token, 'Bearer'),
    await userinfo(token, 'Bearer', await proofFor(token)),
    await postForm(app, USERINFO, { access_token: token }),
    await app.get('/verify-token', token),
    await app.get('/auth/me', token)
  ]
  for (const answer of answers) {
    t.equal(answer.statusCode, 401)
    t.match(answer.headers['www-authenticate'], /error="invalid_token"|^Bearer/)
  }
})

for (const [what, make] of Object.entries({
  'no proof': () => Promise.resolve(undefined),
  'a proof by another key': async (token: string) => proofFor(token, thief),
  'a proof without ath': async () => dpopProof(app, key, { url: USERINFO, method: 'GET' }),
  'a proof for another token': async () => proofFor('another'),
  'a proof for another method': async (token: string) => proofFor(token, key, 'POST'),
  'a proof for another endpoint': async (token: string) =>
    dpopProof(app, key, { method: 'GET', accessToken: token })
})) {
  void t.test(`a bound token with ${what}: 401 and how to come in (§7.1)`, async (t) => {
    const { access_token: token } = (await redeemBound(closed, key)).json()
    const answer = await userinfo(token, 'DPoP', await make(token))
    t.equal(answer.statusCode, 401, answer.body)
    const challenge = String(answer.headers['www-authenticate'])
    t.match(challenge, /^DPoP /)
    t.match(challenge, /error="(invalid_dpop_proof|invalid_token)"/)
    t.match(challenge, /algs="RS256 PS256 ES256 EdDSA"/)
  })
}

void t.test('a proof at a resource, shown twice: 401 (§11.1)', async (t) => {
  const { access_token: token } = (await redeemBound(closed, key)).json()
  const proof = await proofFor(token)
  t.equal((await userinfo(token, 'DPoP', proof)).statusCode, 200)
  t.equal((await userinfo(token, 'DPoP', proof)).statusCode, 401)
})

void t.test('a token that is not bound, shown by DPoP: 401 (§7.1)', async (t) => {
  const { access_token: token } = await givenTokens(app, closed, person)
  t.equal((await userinfo(token, 'DPoP', await proofFor(token))).statusCode, 401)
})

void t.test('dpop_jkt in the request: the code needs that key (§10)', async (t) => {
  const bound = { dpop_jkt: key.jkt }
  for (const by of [null, thief]) {
    t.equal((await redeemBound(open, by, bound)).json().error, 'invalid_grant')
  }
  t.equal((await redeemBound(open, key, bound)).statusCode, 200)
})

void t.test('introspection: shows the key (§6.2)', async (t) => {
  const { access_token: token } = (await redeemBound(closed, key)).json()
  const answer = await postForm(app, '/oauth/introspect', { token }, basic(server))
  t.match(answer.json(), { active: true, token_type: 'DPoP', cnf: { jkt: key.jkt } })
})
