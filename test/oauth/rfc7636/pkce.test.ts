import t from 'tap'
import { startApp } from '../../support/app.ts'
import {
  authorizeUrl,
  givenClient,
  givenCode,
  pkcePair,
  postForm,
  redeem,
  REDIRECT_URI,
  basic
} from '../../support/oauth.ts'
import { givenPerson, outcomeOf } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const strict = await givenClient(app, { first_party: true })
const open = await givenClient(app, { first_party: true, token_endpoint_auth_method: 'none' })
/** `require_pkce: false` changes nothing for a client without a secret. */
const openLax = await givenClient(app, {
  first_party: true,
  token_endpoint_auth_method: 'none',
  require_pkce: false
})
const lax = await givenClient(app, { first_party: true, require_pkce: false })
const person = await givenPerson(app)
const { challenge } = pkcePair()
const CLIENTS = { strict, open, openLax, lax }

for (const [what, parameters, clients] of [
  ['no challenge', {}, ['strict', 'open', 'openLax']],
  [
    'plain',
    { code_challenge: challenge, code_challenge_method: 'plain' },
    ['strict', 'open', 'lax']
  ],
  ['no method, which means plain', { code_challenge: challenge }, ['strict', 'open', 'lax']],
  [
    'an unknown method',
    { code_challenge: challenge, code_challenge_method: 'S512' },
    ['strict', 'lax']
  ],
  ['a method without a challenge', { code_challenge_method: 'S256' }, ['strict', 'open', 'lax']],
  [
    'a short challenge',
    { code_challenge: 'x'.repeat(42), code_challenge_method: 'S256' },
    ['strict', 'lax']
  ],
  [
    'a long challenge',
    { code_challenge: 'x'.repeat(44), code_challenge_method: 'S256' },
    ['strict', 'lax']
  ],
  [
    'a challenge of other characters',
    { code_challenge: `${'x'.repeat(42)}=`, code_challenge_method: 'S256' },
    ['strict']
  ]
] as [string, Record<string, string>, (keyof typeof CLIENTS)[]][]) {
  for (const name of clients) {
    void t.test(`${what}, client ${name}: invalid_request (§4.3, §4.4.1)`, async (t) => {
      const { told } = await outcomeOf(person.browser, authorizeUrl(CLIENTS[name], parameters))
      t.match(told, { error: 'invalid_request' })
      t.notOk('code' in (told ?? {}))
    })
  }
}

for (const [what, code_verifier] of [
  ['no verifier', ''],
  ['another verifier', pkcePair().verifier],
  ['the challenge as verifier', null],
  ['a short verifier', 'x'.repeat(42)],
  ['a long verifier', 'x'.repeat(129)]
] as [string, string | null][]) {
  void t.test(`${what}: no token, and the code is burnt (§4.6)`, async (t) => {
    const grant = await givenCode(app, open, {}, person)
    const shown = code_verifier ?? challenge
    const answer = await redeem(app, open, grant, { code_verifier: shown })
    t.equal(answer.statusCode, 400)
    t.match(answer.json().error, /^invalid_(grant|request)$/)
    if (answer.json().error !== 'invalid_grant') return
    t.equal((await redeem(app, open, grant)).json().error, 'invalid_grant')
  })
}

void t.test('a challenge that was sent, client lax: enforced all the same (§4.6)', async (t) => {
  const grant = await givenCode(app, lax, {}, person)
  t.equal((await redeem(app, lax, grant, { code_verifier: '' })).json().error, 'invalid_grant')
})

void t.test(
  'a verifier where there was no challenge: refused, it is a downgrade (RFC 9700 §4.8.2)',
  async (t) => {
    const { told } = await outcomeOf(person.browser, authorizeUrl(lax))
    const { verifier } = pkcePair()
    const answer = await redeem(app, lax, { code: told?.['code'] ?? '', verifier })
    t.equal(answer.json().error, 'invalid_grant')
  }
)

void t.test('no challenge and no verifier, client lax: tokens (RFC 6749 §4.1.3)', async (t) => {
  const { told } = await outcomeOf(person.browser, authorizeUrl(lax))
  const form = {
    grant_type: 'authorization_code',
    code: told?.['code'] ?? '',
    redirect_uri: REDIRECT_URI
  }
  t.equal((await postForm(app, '/oauth/token', form, basic(lax))).statusCode, 200)
})

void t.test('the verifier and challenge of Appendix B: fit', async (t) => {
  const code_challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
  const { code } = await givenCode(app, open, { code_challenge }, person)
  t.equal((await redeem(app, open, { code, verifier })).statusCode, 200)
})
