import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { postForm } from '../../support/oauth.ts'

const app = await startApp(t)
const PATH = '/.well-known/oauth-authorization-server'
const answer = await app.get(PATH)
const metadata = answer.json()

void t.test('the document: JSON, 200, readable from every page (§3.2)', async (t) => {
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^application\/json/)
  const origin = 'https://spa.example'
  const { headers } = await app.app.inject({ url: PATH, headers: { origin } })
  t.equal(headers['access-control-allow-origin'], '*')
})

void t.test('issuer: to the byte the one that is configured (§3.3)', (t) => {
  t.equal(metadata.issuer, ISSUER)
  t.end()
})

void t.test('what §2 requires: there', (t) => {
  for (const name of ['authorization_endpoint', 'token_endpoint', 'response_types_supported']) {
    t.ok(name in metadata, name)
  }
  t.same(metadata.response_types_supported, ['code'])
  t.same(metadata.code_challenge_methods_supported, ['S256'])
  t.end()
})

void t.test('no member without elements (§3.2)', (t) => {
  for (const [name, value] of Object.entries(metadata)) {
    if (Array.isArray(value)) t.ok(value.length > 0, name)
  }
  t.end()
})

for (const name of Object.keys(metadata).filter(
  (key) => key.endsWith('_endpoint') || key === 'jwks_uri'
)) {
  void t.test(`${name}: is there, below the issuer (§2)`, async (t) => {
    const url = String(metadata[name])
    t.ok(url.startsWith(`${ISSUER}/`))
    const path = url.slice(ISSUER.length)
    const got = await app.get(path)
    const posted = await postForm(app, path, {})
    t.ok(
      got.statusCode !== 404 || posted.statusCode !== 404,
      `${got.statusCode} ${posted.statusCode}`
    )
  })
}

for (const endpoint of ['token', 'introspection', 'revocation']) {
  void t.test(
    `how clients prove themselves at ${endpoint}: told, with the algorithms of signed proofs (§2)`,
    (t) => {
      const methods: string[] = metadata[`${endpoint}_endpoint_auth_methods_supported`]
      t.ok(methods.includes('private_key_jwt'))
      const algs: string[] = metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`]
      t.ok(algs.length > 0)
      t.notOk(algs.includes('none'), 'MUST NOT be used')
      t.end()
    }
  )
}

void t.test('introspection: not offered to clients without a secret (RFC 7662 §2.1)', (t) => {
  t.notOk(metadata.introspection_endpoint_auth_methods_supported.includes('none'))
  t.end()
})
