import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'

const app = await startApp(t)
const answer = await app.get('/.well-known/openid-configuration')
const metadata = answer.json()

void t.test('the document: 200 and JSON (§4.2)', (t) => {
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^application\/json/)
  t.equal(metadata.issuer, ISSUER, '§4.3: to the byte')
  t.end()
})

for (const name of [
  'issuer',
  'authorization_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
  'response_types_supported',
  'subject_types_supported',
  'id_token_signing_alg_values_supported',
  'scopes_supported',
  'claims_supported'
]) {
  void t.test(`${name}: there (§3)`, (t) => {
    t.ok(name in metadata)
    t.end()
  })
}

void t.test('what §3 requires of the lists: in them', (t) => {
  t.ok(metadata.id_token_signing_alg_values_supported.includes('RS256'))
  t.notOk(metadata.id_token_signing_alg_values_supported.includes('none'))
  t.same(
    metadata.scopes_supported,
    ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'],
    'Core §5.4: all of them can be asked for'
  )
  t.notOk(metadata.claims_supported.includes('address'), 'of a postal address nothing is held')
  t.ok(metadata.claims_supported.includes('sub'))
  t.same(metadata.subject_types_supported, ['public', 'pairwise'])
  t.same(metadata.response_modes_supported, ['query', 'form_post'])
  t.equal(metadata.request_uri_parameter_supported, false, 'its default would be true')
  t.equal(metadata.claims_parameter_supported, true)
  t.ok(metadata.token_endpoint_auth_methods_supported.includes('client_secret_basic'))
  t.end()
})

void t.test('the types: booleans, lists of text, URLs (§3)', (t) => {
  for (const [name, value] of Object.entries(metadata)) {
    if (/_endpoint$|_uri$/.test(name) && name !== 'issuer') t.ok(URL.canParse(String(value)), name)
    else if (/_supported$/.test(name) && !Array.isArray(value)) t.type(value, 'boolean', name)
    else if (Array.isArray(value))
      t.ok(
        value.every((one) => typeof one === 'string'),
        name
      )
  }
  t.end()
})

void t.test('both documents: one truth (RFC 8414 §5)', async (t) => {
  t.same((await app.get('/.well-known/oauth-authorization-server')).json(), metadata)
})

void t.test('the key set: public keys only, each with kid, use and alg (§3)', async (t) => {
  const { keys } = (await app.get(new URL(metadata.jwks_uri).pathname)).json()
  t.ok(keys.length > 0)
  for (const key of keys) {
    t.match(key, { kty: 'RSA', use: 'sig', alg: 'RS256', kid: String })
    for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) t.notOk(secret in key, secret)
  }
})
