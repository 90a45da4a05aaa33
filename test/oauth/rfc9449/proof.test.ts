import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { dpopProof, givenKey, nowSeconds, type ProofOptions } from '../../support/client-keys.ts'
import { macJws } from '../../support/jws.ts'
import { givenClient } from '../../support/oauth.ts'
import { postAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const key = await givenKey()
const machine = await givenClient(app, { grant_types: ['client_credentials'], scope: 'a:b' })
const required = await givenClient(app, {
  grant_types: ['client_credentials'],
  scope: 'a:b',
  dpop_bound_access_tokens: true
})
const FORM = { grant_type: 'client_credentials' }

async function show(dpop: string, who = machine) {
  return postAs(app, who, '/oauth/token', FORM, { dpop })
}

for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA']) {
  void t.test(`a proof by ${alg}: a bound token (§5)`, async (t) => {
    const other = await givenKey(alg)
    const answer = await show(await dpopProof(app, other))
    t.equal(answer.statusCode, 200, answer.body)
    t.equal(answer.json().token_type, 'DPoP')
    const payload = Buffer.from(answer.json().access_token.split('.')[1], 'base64url').toString()
    t.same(JSON.parse(payload).cnf, { jkt: other.jkt }, '§6.1')
  })
}

void t.test('a proof shown twice: invalid_dpop_proof (§11.1)', async (t) => {
  const proof = await dpopProof(app, key)
  t.equal((await show(proof)).statusCode, 200)
  const again = await show(proof)
  t.equal(again.statusCode, 400)
  t.equal(again.json().error, 'invalid_dpop_proof')
})

const now = () => nowSeconds(app)
const WRONG: Record<string, () => ProofOptions> = {
  'another method': () => ({ claims: { htm: 'GET' } }),
  'the method in small letters': () => ({ claims: { htm: 'post' } }),
  'another path': () => ({ url: '/oauth/userinfo' }),
  'another host': () => ({ claims: { htu: 'https://evil.example/oauth/token' } }),
  'another case of the path': () => ({ claims: { htu: `${ISSUER}/OAUTH/token` } }),
  'no htm': () => ({ claims: { htm: undefined } }),
  'no htu': () => ({ claims: { htu: undefined } }),
  'no jti': () => ({ claims: { jti: undefined } as never }),
  'no iat': () => ({ claims: { iat: undefined } as never }),
  'an old iat': () => ({ claims: { iat: now() - 120 } }),
  'an iat ahead of time': () => ({ claims: { iat: now() + 120 } }),
  'an iat that is text': () => ({ claims: { iat: String(now()) } as never }),
  'an end in the past': () => ({ claims: { exp: now() - 60 } }),
  'another typ': () => ({ header: { typ: 'JWT' } }),
  'no typ': () => ({ header: { typ: undefined } }),
  'no key': () => ({ header: { jwk: undefined } }),
  'a private key': () => ({ header: { jwk: { ...key.jwk, d: 'AAAA' } } }),
  'a symmetric key': () => ({ header: { jwk: { kty: 'oct', k: 'AAAA' } } }),
  'a key that is none': () => ({ header: { jwk: 'x' } }),
  'a key off its curve': () => ({
    header: { jwk: { ...key.jwk, y: key.jwk.x } }
  }),
  'a key of another curve': () => ({ header: { jwk: { ...key.jwk, crv: 'P-384' } } }),
  'a key that may not verify': () => ({
    header: { jwk: { ...key.jwk, key_ops: ['sign'] } }
  }),
  'an unknown critical header': () => ({ header: { crit: ['x'], x: 1 } })
}

for (const [what, options] of Object.entries(WRONG)) {
  void t.test(`a proof with ${what}: invalid_dpop_proof (§4.3)`, async (t) => {
    const answer = await show(await dpopProof(app, key, options()))
    t.equal(answer.statusCode, 400, answer.body)
    t.equal(answer.json().error, 'invalid_dpop_proof')
  })
}

void t.test('a proof by another key than its own: invalid_dpop_proof (§4.3)', async (t) => {
  const other = await givenKey()
  const answer = await show(await dpopProof(app, key, { header: { jwk: other.jwk } }))
  t.equal(answer.json().error, 'invalid_dpop_proof')
})

for (const alg of ['none', 'HS256', 'RS1']) {
  void t.test(`a proof by ${alg}: invalid_dpop_proof (§4.3, §11.6)`, async (t) => {
    const payload = {
      jti: 'a-jti-of-its-own',
      htm: 'POST',
      htu: `${ISSUER}/oauth/token`,
      iat: now()
    }
    const proof = macJws({ alg, typ: 'dpop+jwt', jwk: key.jwk }, payload, JSON.stringify(key.jwk))
    t.equal((await show(proof)).json().error, 'invalid_dpop_proof')
  })
}

void t.test('two proofs: invalid_dpop_proof (§4.3)', async (t) => {
  const proofs = `${await dpopProof(app, key)}, ${await dpopProof(app, key)}`
  t.equal((await show(proofs)).json().error, 'invalid_dpop_proof')
  t.equal((await show('')).json().error, 'invalid_dpop_proof')
  t.equal((await show('garbage')).json().error, 'invalid_dpop_proof')
})

for (const htu of [
  `${ISSUER}/oauth/token?a=b`,
  `${ISSUER}/oauth/token#x`,
  `${ISSUER.toUpperCase().replace('/OAUTH', '/oauth')}/oauth/token`
]) {
  void t.test(`htu ${htu}: compared as URLs are, without query and fragment (§4.3)`, async (t) => {
    t.equal((await show(await dpopProof(app, key, { claims: { htu } }))).statusCode, 200)
  })
}

void t.test('one proof, fifty callers at once: one token (§11.1)', async (t) => {
  const proof = await dpopProof(app, key)
  const answers = await Promise.all(Array.from({ length: 50 }, async () => show(proof)))
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
})

void t.test('a client that has to bind its tokens, without a proof: refused (§5.2)', async (t) => {
  const answer = await postAs(app, required, '/oauth/token', FORM)
  t.equal(answer.json().error, 'invalid_dpop_proof')
  t.equal((await show(await dpopProof(app, key), required)).json().token_type, 'DPoP')
})

void t.test('the metadata: which algorithms (§5.1)', async (t) => {
  const metadata = (await app.get('/.well-known/oauth-authorization-server')).json()
  t.same(metadata.dpop_signing_alg_values_supported, ['RS256', 'PS256', 'ES256', 'EdDSA'])
})
