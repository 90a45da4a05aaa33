import t from 'tap'
import { startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { eventually } from '../../support/eventually.ts'
import { givenClient, postForm } from '../../support/oauth.ts'
import { givenPerson, givenTokens, postAs, refreshAs } from '../../support/oauth-grants.ts'
import { sessionRow } from '../../support/session-rows.ts'

const app = await startApp(t)
const client = await givenClient(app)
const other = await givenClient(app)
const open = await givenClient(app, { token_endpoint_auth_method: 'none' })
const person = await givenPerson(app)
const userinfo = async (token: string) => (await app.get('/oauth/userinfo', token)).statusCode

for (const [who, owner] of [
  ['confidential', client],
  ['public', open]
] as const) {
  void t.test(
    `a refresh token of a ${who} client, revoked: the grant has ended, access tokens too (§2.1)`,
    async (t) => {
      const tokens = await givenTokens(app, owner, person)
      const answer = await postAs(app, owner, '/oauth/revoke', { token: tokens.refresh_token })
      t.equal(answer.statusCode, 200)
      t.equal(answer.body, '', 'clients look at the status alone')
      t.equal((await refreshAs(app, owner, tokens.refresh_token)).json().error, 'invalid_grant')
      await eventually('refusal', async () => (await userinfo(tokens.access_token)) === 401)
      const sid = String(claimsOf(tokens.access_token)['sid'])
      t.equal((await sessionRow(app, sid)).revoke_reason, 'token_revoked')
    }
  )
}

void t.test('an access token, revoked: refused by itself, its grant goes on (§2.1)', async (t) => {
  const tokens = await givenTokens(app, client, person)
  t.equal(
    (await postAs(app, client, '/oauth/revoke', { token: tokens.access_token })).statusCode,
    200
  )
  await eventually('refusal', async () => (await userinfo(tokens.access_token)) === 401)
  const next = await refreshAs(app, client, tokens.refresh_token)
  t.equal(await userinfo(next.json().access_token), 200)
})

for (const hint of ['access_token', 'refresh_token', 'no_such_kind']) {
  void t.test(`a hint ${hint}: a hint and no more (§2.1, §2.2.1)`, async (t) => {
    const { refresh_token: token } = await givenTokens(app, client, person)
    const form = { token, token_type_hint: hint }
    t.equal((await postAs(app, client, '/oauth/revoke', form)).statusCode, 200)
    t.equal((await refreshAs(app, client, token)).json().error, 'invalid_grant')
  })
}

void t.test("another client's tokens: told nothing, and they live on (§2.1)", async (t) => {
  const tokens = await givenTokens(app, client, person)
  for (const token of [tokens.refresh_token, tokens.access_token, tokens.id_token]) {
    for (const stranger of [other, open]) {
      const answer = await postAs(app, stranger, '/oauth/revoke', { token })
      t.equal(answer.statusCode, 200)
      t.equal(answer.body, '')
    }
  }
  t.equal(await userinfo(tokens.access_token), 200)
  t.equal((await refreshAs(app, client, tokens.refresh_token)).statusCode, 200)
})

void t.test('an unknown token, or one that was revoked: 200 as well (§2.2)', async (t) => {
  const { refresh_token: token } = await givenTokens(app, client, person)
  for (const shown of ['x', 'a.b.c', token, token]) {
    t.equal((await postAs(app, client, '/oauth/revoke', { token: shown })).statusCode, 200)
  }
})

void t.test(
  'who does not say who they are: invalid_client, and nothing is revoked (§2.1)',
  async (t) => {
    const { refresh_token: token } = await givenTokens(app, client, person)
    for (const form of [{ token }, { token, client_id: client.id }]) {
      const answer = await postForm(app, '/oauth/revoke', form)
      t.equal(answer.statusCode, 401)
      t.equal(answer.json().error, 'invalid_client')
    }
    t.equal((await refreshAs(app, client, token)).statusCode, 200)
  }
)

void t.test('no token, or two: invalid_request (§2.1)', async (t) => {
  t.equal((await postAs(app, client, '/oauth/revoke', {})).json().error, 'invalid_request')
  const answer = await app.get(`/oauth/revoke?token=x&client_id=${open.id}`)
  t.ok([404, 405].includes(answer.statusCode), 'and GET is no way')
})
