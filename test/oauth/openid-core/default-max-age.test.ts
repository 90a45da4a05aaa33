import t from 'tap'
import { startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { givenAdmin, REDIRECT_URI } from '../../support/oauth.ts'
import { givenPerson, givenTokens, outcomeOf, pkceUrl } from '../../support/oauth-grants.ts'

const app = await startApp(t, { DYNAMIC_REGISTRATION: 'open' })
const admin = { authorization: `Bearer ${await givenAdmin(app)}` }
const person = await givenPerson(app)
const METADATA = { default_max_age: 10, require_auth_time: true }

async function register(more: object) {
  return app.post('/oauth/register', { redirect_uris: [REDIRECT_URI], ...more })
}

async function create(more: object) {
  const body = { client_name: 'Shop', redirect_uris: [REDIRECT_URI], ...more }
  return app.post('/admin/clients', body, admin)
}

for (const [by, make] of [
  ['itself', register],
  ['an administrator', create]
] as const) {
  void t.test(
    `default_max_age, registered by ${by}: holds where a request names none (Registration §2)`,
    async (t) => {
      const answer = await make(METADATA)
      t.equal(answer.statusCode, 201, answer.body)
      const told = answer.json().client ?? answer.json()
      t.match(told, METADATA, 'told again')
      const client = { id: String(told.client_id), secret: answer.json().client_secret as string }
      const { id_token: idToken } = await givenTokens(app, client, person)
      t.type(claimsOf(idToken)['auth_time'], 'number')
      await app.moveTime(60)
      const silent = await outcomeOf(person.browser, pkceUrl(client, { prompt: 'none' }))
      t.equal(silent.told?.['error'], 'login_required')
      t.equal((await outcomeOf(person.browser, pkceUrl(client))).page, '/login')
      const asked = pkceUrl(client, { prompt: 'none', max_age: '10000' })
      t.ok((await outcomeOf(person.browser, asked)).told?.['code'], 'what is asked for counts')
      await app.moveTime(0)
    }
  )
}

void t.test('a default_max_age that is none: refused, and nothing is kept', async (t) => {
  for (const wrong of [
    { default_max_age: -1 },
    { default_max_age: 1.5 },
    { default_max_age: '10' },
    { default_max_age: 1e12 },
    { require_auth_time: 'yes' }
  ]) {
    const answer = await register(wrong)
    t.equal(answer.statusCode, 400, JSON.stringify(wrong))
    t.equal(answer.json().error, 'invalid_client_metadata')
    t.equal((await create(wrong)).statusCode, 422)
  }
})
