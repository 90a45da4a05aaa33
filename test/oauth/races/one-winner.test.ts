import t from 'tap'
import type { TestApp } from '../../support/app.ts'
import { assertionForm, clientAssertion, dpopProof, givenKey } from '../../support/client-keys.ts'
import {
  callbackOf,
  givenClient,
  givenCode,
  pkcePair,
  postForm,
  redeem,
  REDIRECT_URI
} from '../../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  outcomeOf,
  pkceUrl,
  postAs,
  refreshAs,
  requestIdOf
} from '../../support/oauth-grants.ts'
import { givenReplicas } from '../../support/replicas.ts'
import { sessionRow } from '../../support/session-rows.ts'
import { claimsOf } from '../../support/builders.ts'

const { redis, here, there } = await givenReplicas(t)
const key = await givenKey()
const client = await givenClient(here)
const ours = await givenClient(here, { first_party: true })
const signer = await givenClient(here, {
  token_endpoint_auth_method: 'private_key_jwt',
  grant_types: ['client_credentials'],
  scope: 'a:b',
  jwks: { keys: [key.jwk] }
})
const person = await givenPerson(here)

/** Fifty callers, every other one at the second server; in the midst of them Redis forgets all. */
async function fifty<Answer>(call: (server: TestApp) => Promise<Answer>): Promise<Answer[]> {
  const callers = Array.from({ length: 50 }, async (_, i) => {
    if (i === 20) await redis.flush()
    return call(i % 2 === 0 ? here : there)
  })
  return Promise.all(callers)
}

const winners = <Answer extends { statusCode: number }>(answers: Answer[]) =>
  answers.filter(({ statusCode }) => statusCode === 200)

void t.test('one code: one gets tokens, and the others end what it began', async (t) => {
  const grant = await givenCode(here, client, {}, person)
  const answers = await fifty(async (server) => redeem(server, client, grant))
  const [winner, ...more] = winners(answers)
  t.equal(more.length, 0)
  t.ok(winner)
  t.ok(answers.every((answer) => answer === winner || answer.json().error === 'invalid_grant'))
  const sid = String(claimsOf(winner?.json().access_token)['sid'])
  t.equal((await sessionRow(here, sid)).revoke_reason, 'code_reuse')
})

void t.test('one code after Redis has forgotten: still spent', async (t) => {
  const grant = await givenCode(here, client, {}, person)
  t.equal((await redeem(here, client, grant)).statusCode, 200)
  await redis.flush()
  t.equal((await redeem(there, client, grant)).json().error, 'invalid_grant')
})

void t.test('one pushed reference: one browser gets a code', async (t) => {
  const form = {
    response_type: 'code',
    client_id: ours.id,
    redirect_uri: REDIRECT_URI,
    scope: 'openid',
    code_challenge: pkcePair().challenge,
    code_challenge_method: 'S256'
  }
  const { request_uri: uri } = (await postAs(here, ours, '/oauth/par', form)).json()
  const cookie = [...person.browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const query = new URLSearchParams({ client_id: ours.id, request_uri: uri }).toString()
  const answers = await fifty(async (server) =>
    server.app.inject({ url: `/oauth/authorize?${query}`, headers: { cookie } })
  )
  t.equal(answers.filter(({ statusCode }) => statusCode === 303).length, 1)
  t.equal(answers.filter(({ statusCode }) => statusCode === 400).length, 49)
})

void t.test('one waiting request, gone on with: one code', async (t) => {
  const { location } = await outcomeOf(person.browser, pkceUrl(ours, { prompt: 'consent' }))
  const request = requestIdOf(location)
  const before = await here.sql('SELECT 1 FROM authorization_code WHERE client_id = $1', [ours.id])
  const cookie = [...person.browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const answers = await fifty(async (server) =>
    server.app.inject({
      method: 'POST',
      url: '/consent',
      headers: {
        cookie,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded'
      },
      payload: new URLSearchParams({ request, decision: 'allow' }).toString()
    })
  )
  const codes = answers.filter(
    ({ headers }) =>
      headers.location !== undefined && callbackOf(headers.location)['code'] !== undefined
  )
  t.equal(codes.length, 1)
  t.ok(
    answers.every(({ statusCode }) => [303, 400].includes(statusCode)),
    'no one meets a fault'
  )
  const after = await here.sql('SELECT 1 FROM authorization_code WHERE client_id = $1', [ours.id])
  t.equal(after.length, before.length + 1)
})

void t.test('one waiting request, a yes and a no at once: one of them counts', async (t) => {
  const { location } = await outcomeOf(person.browser, pkceUrl(ours, { prompt: 'consent' }))
  const request = requestIdOf(location)
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      person.browser.post('/consent', { request, decision: i % 2 === 0 ? 'allow' : 'deny' })
    )
  )
  const told = answers.filter(({ headers }) => headers.location !== undefined)
  t.equal(told.length, 1)
})

void t.test('one client assertion: one caller is believed', async (t) => {
  const form = {
    grant_type: 'client_credentials',
    ...assertionForm(await clientAssertion(here, signer, key))
  }
  const answers = await fifty(async (server) => postForm(server, '/oauth/token', form))
  t.equal(winners(answers).length, 1)
  t.equal(answers.filter((answer) => answer.statusCode === 401).length, 49)
  await redis.flush()
  t.equal((await postForm(there, '/oauth/token', form)).json().error, 'invalid_client')
})

void t.test('one DPoP proof: one caller is believed', async (t) => {
  const machine = await givenClient(here, { grant_types: ['client_credentials'], scope: 'a:b' })
  const dpop = await dpopProof(here, key)
  const form = { grant_type: 'client_credentials' }
  const answers = await fifty(async (server) =>
    postAs(server, machine, '/oauth/token', form, { dpop })
  )
  t.equal(winners(answers).length, 1)
  t.ok(
    answers.every(
      ({ statusCode, body }) => statusCode === 200 || body.includes('invalid_dpop_proof')
    )
  )
  await redis.flush()
  t.equal((await postAs(there, machine, '/oauth/token', form, { dpop })).statusCode, 400)
})

void t.test(
  'one refresh token: one step, the same successor for all within the grace, theft after',
  async (t) => {
    const tokens = await givenTokens(here, client, person)
    const answers = await fifty(async (server) => refreshAs(server, client, tokens.refresh_token))
    t.equal(winners(answers).length, 50)
    t.equal(new Set(answers.map((answer) => String(answer.json().refresh_token))).size, 1)
    const sid = String(claimsOf(tokens.access_token)['sid'])
    t.match(await sessionRow(here, sid), { generation: 1, revoked_at: null })
    const second = String(answers[0]?.json().refresh_token)
    const third = String((await refreshAs(there, client, second)).json().refresh_token)
    t.equal((await refreshAs(here, client, tokens.refresh_token)).json().error, 'invalid_grant')
    t.equal((await sessionRow(here, sid)).revoke_reason, 'refresh_token_reuse')
    t.equal((await refreshAs(there, client, third)).json().error, 'invalid_grant')
  }
)
