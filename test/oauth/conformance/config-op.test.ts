import { createPublicKey } from 'node:crypto'
import t from 'tap'
import { startListeningApp } from '../../support/browser.ts'

const { issuer } = await startListeningApp(t)
const answer = await fetch(`${issuer}/.well-known/openid-configuration`)
const metadata = (await answer.json()) as Record<string, unknown>
const lists = (name: string) => metadata[name] as string[]

void t.test(
  'Config OP, the document: 200, JSON, its issuer the address that it was read from',
  (t) => {
    t.equal(answer.status, 200)
    t.match(answer.headers.get('content-type'), /^application\/json/)
    t.equal(metadata['issuer'], issuer)
    t.notMatch(issuer, /[?#]|\/$/)
    t.end()
  }
)

void t.test('Config OP, what is offered: what a Basic OP has to', (t) => {
  t.ok(lists('response_types_supported').includes('code'))
  t.ok(lists('grant_types_supported').includes('authorization_code'))
  t.ok(lists('subject_types_supported').every((type) => ['public', 'pairwise'].includes(type)))
  t.ok(lists('id_token_signing_alg_values_supported').includes('RS256'))
  t.ok(lists('scopes_supported').includes('openid'))
  t.ok(lists('scopes_supported').every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)))
  t.ok(lists('claims_supported').length > 0)
  t.ok(Array.isArray(metadata['code_challenge_methods_supported']))
  t.equal(metadata['claims_parameter_supported'], true)
  t.equal(metadata['request_parameter_supported'], true)
  t.ok(lists('request_object_signing_alg_values_supported').includes('RS256'))
  t.equal(metadata['request_uri_parameter_supported'], false)
  t.end()
})

void t.test('Config OP, every endpoint: an address below the issuer, by its scheme', (t) => {
  for (const [name, value] of Object.entries(metadata)) {
    if (!/_endpoint$|^jwks_uri$/.test(name)) continue
    t.ok(String(value).startsWith(`${issuer}/`), name)
  }
  t.end()
})

void t.test('Config OP, the key set: sound public keys, no kid twice', async (t) => {
  const { keys } = (await (await fetch(String(metadata['jwks_uri']))).json()) as {
    keys: Record<string, string>[]
  }
  t.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length)
  for (const key of keys) {
    t.match(key, { kty: 'RSA', use: 'sig', alg: 'RS256' })
    const { asymmetricKeyDetails: details } = createPublicKey({ key, format: 'jwk' })
    t.ok((details?.modulusLength ?? 0) >= 2_048)
    t.notOk(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].some((name) => name in key))
  }
})
