import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { givenClient, givenCode, postForm, redeem, basic } from '../../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  outcomeOf,
  pkceUrl,
  postAs,
  refreshAs
} from '../../support/oauth-grants.ts'

const app = await startApp(t)
const [ONE, TWO, OTHER] = ['https://one.example/', 'urn:example:two', 'https://other.example']
const client = await givenClient(app, { audiences: [ONE, TWO], scope: 'openid read' })
const machine = await givenClient(app, {
  audiences: [ONE, TWO],
  scope: 'read',
  grant_types: ['client_credentials']
})
const person = await givenPerson(app)
const read = { scope: 'read' }
const audOf = (token: string) => claimsOf(token)['aud']

void t.test('a resource at the authorization: the audience, and nothing else (§2)', async (t) => {
  const { access_token: token } = await givenTokens(app, client, person, { ...read, resource: ONE })
  t.equal(audOf(token), ONE)
})

void t.test('several resources: several audiences (§2)', async (t) => {
  const url = `${pkceUrl(client, read)}&resource=${encodeURIComponent(ONE)}&resource=${encodeURIComponent(TWO)}`
  const { page } = await outcomeOf(person.browser, url)
  t.equal(page ?? 'answered', 'answered', 'agreed to before')
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  for (const resource of [ONE, TWO]) body.append('resource', resource)
  const headers = { ...basic(machine), 'content-type': 'application/x-www-form-urlencoded' }
  const payload = body.toString()
  const answer = await app.app.inject({ method: 'POST', url: '/oauth/token', headers, payload })
  t.same(audOf(answer.json().access_token), [ONE, TWO])
})

for (const resource of [OTHER, `${ONE}x`, 'https://ONE.example/', ISSUER]) {
  void t.test(
    `resource ${resource}, which is not the client's: invalid_target (§2.1, §2.2)`,
    async (t) => {
      const { told } = await outcomeOf(person.browser, pkceUrl(client, { ...read, resource }))
      t.equal(told?.['error'], 'invalid_target')
      const form = { grant_type: 'client_credentials', resource }
      const answer = await postAs(app, machine, '/oauth/token', form)
      t.equal(answer.statusCode, 400)
      t.equal(answer.json().error, 'invalid_target')
    }
  )
}

void t.test('one of the granted at the token endpoint: this token only (§2.2)', async (t) => {
  const grant = await givenCode(app, client, read, person)
  const first = (await redeem(app, client, grant, { resource: ONE })).json()
  t.equal(audOf(first.access_token), ONE)
  const second = (await refreshAs(app, client, first.refresh_token, { resource: TWO })).json()
  t.equal(audOf(second.access_token), TWO)
  const third = (await refreshAs(app, client, second.refresh_token)).json()
  t.same(audOf(third.access_token), [ONE, TWO])
})

void t.test(
  'beyond the grant, with the code: invalid_target, and nothing begins (§2.2)',
  async (t) => {
    const grant = await givenCode(app, client, { ...read, resource: ONE }, person)
    const before = await app.sql('SELECT 1 FROM session WHERE client_id = $1', [client.id])
    const answer = await redeem(app, client, grant, { resource: TWO })
    t.equal(answer.json().error, 'invalid_target')
    const after = await app.sql('SELECT 1 FROM session WHERE client_id = $1', [client.id])
    t.equal(after.length, before.length)
  }
)

void t.test(
  'beyond the grant, at a refresh: invalid_target, and the token is not spent (§2.2)',
  async (t) => {
    const tokens = await givenTokens(app, client, person, { ...read, resource: ONE })
    const answer = await refreshAs(app, client, tokens.refresh_token, { resource: TWO })
    t.equal(answer.json().error, 'invalid_target')
    await app.moveTime(60)
    t.equal((await refreshAs(app, client, tokens.refresh_token)).statusCode, 200)
    await app.moveTime(0)
  }
)

void t.test('a token for a resource: opens nothing here but what openid is for', async (t) => {
  const plain = await givenTokens(app, client, person, { ...read, resource: ONE })
  t.equal((await app.get('/oauth/userinfo', plain.access_token)).statusCode, 401)
  const both = await givenTokens(app, client, person, { scope: 'openid read', resource: ONE })
  t.same(audOf(both.access_token), [ONE, ISSUER])
  t.equal((await app.get('/oauth/userinfo', both.access_token)).statusCode, 200)
  t.equal(
    (await postForm(app, '/oauth/userinfo', { access_token: plain.access_token })).statusCode,
    401
  )
})

void t.test(
  'a client that lost an audience: so do its next tokens; without any, invalid_target and nothing is spent',
  async (t) => {
    const loser = await givenClient(app, { audiences: [ONE, TWO], scope: 'openid read' })
    const keep = async (audiences: string[]) =>
      app.sql('UPDATE client SET audiences = $2 WHERE id = $1', [loser.id, audiences])
    const first = await givenTokens(app, loser, person, read)
    await keep([TWO])
    const second = (await refreshAs(app, loser, first.refresh_token)).json()
    t.same(audOf(second.access_token), TWO)
    const named = await refreshAs(app, loser, second.refresh_token, { resource: ONE })
    t.equal(named.json().error, 'invalid_target')
    await keep([OTHER])
    const none = await refreshAs(app, loser, second.refresh_token)
    t.equal(none.json().error, 'invalid_target', 'never a token for this server instead')
    await app.moveTime(60)
    await keep([TWO])
    t.same(audOf((await refreshAs(app, loser, second.refresh_token)).json().access_token), TWO)
    await app.moveTime(0)
  }
)
