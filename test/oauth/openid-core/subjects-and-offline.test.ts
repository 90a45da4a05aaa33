import t from 'tap'
import { startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { callbackOf, givenClient, pkcePair, redeem } from '../../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  outcomeOf,
  pkceUrl,
  refreshAs,
  requestIdOf
} from '../../support/oauth-grants.ts'
import { sessionRow } from '../../support/session-rows.ts'

const app = await startApp(t)
const client = await givenClient(app)
const host = 'https://shop.example/callback'
const [one, sibling, stranger] = [
  await givenClient(app, { subject_type: 'pairwise', redirect_uris: [host] }),
  await givenClient(app, {
    subject_type: 'pairwise',
    redirect_uris: [host, 'https://shop.example/b']
  }),
  await givenClient(app, {
    subject_type: 'pairwise',
    redirect_uris: ['https://other.example/callback']
  })
]
const person = await givenPerson(app)

async function subjectsOf(
  of: typeof client,
  redirect_uri = host
): Promise<Record<string, unknown>> {
  const { verifier, challenge } = pkcePair()
  const url = pkceUrl(of, { redirect_uri, code_challenge: challenge })
  const asked = await outcomeOf(person.browser, url)
  const form = { request: requestIdOf(asked.location), decision: 'allow' }
  const code =
    asked.told?.['code'] ??
    callbackOf((await person.browser.post('/consent', form)).headers.location)['code'] ??
    ''
  const tokens = (await redeem(app, of, { code, verifier }, { redirect_uri })).json()
  const info = (await app.get('/oauth/userinfo', tokens.access_token)).json()
  return {
    id: claimsOf(tokens.id_token)['sub'],
    access: claimsOf(tokens.access_token)['sub'],
    userinfo: info.sub
  }
}

void t.test('a pairwise subject: one name everywhere, and not the id (§8, §5.3.2)', async (t) => {
  const subjects = await subjectsOf(one)
  t.equal(new Set(Object.values(subjects)).size, 1)
  t.not(subjects['id'], person.user.id)
  t.same(await subjectsOf(one), subjects, 'the same at every login')
})

void t.test('a pairwise subject: shared within a host, not beyond (§8.1)', async (t) => {
  const [mine, siblings, strangers] = [
    await subjectsOf(one),
    await subjectsOf(sibling),
    await subjectsOf(stranger, 'https://other.example/callback')
  ]
  t.equal(mine['id'], siblings['id'])
  t.not(mine['id'], strangers['id'])
})

for (const uri of ['http://localhost/callback', 'com.example.app://oauth/callback']) {
  void t.test(
    `pairwise at ${uri}, which is nobody's: no two clients share a sector (§8.1)`,
    async (t) => {
      const sectors = []
      for (const redirect_uris of [[uri], [uri], [uri, host]]) {
        const native = await givenClient(app, { subject_type: 'pairwise', redirect_uris })
        const [row] = await app.sql('SELECT sector_identifier FROM client WHERE id = $1', [
          native.id
        ])
        t.equal(row?.['sector_identifier'], native.id)
        sectors.push(row?.['sector_identifier'])
      }
      t.equal(new Set(sectors).size, 3)
    }
  )
}

void t.test('pairwise with several hosts and no sector: cannot be registered (§8.1)', async (t) => {
  const redirect_uris = [host, 'https://other.example/callback']
  await t.rejects(givenClient(app, { subject_type: 'pairwise', redirect_uris }))
})

void t.test(
  'the login ends: grants end with it, those with offline_access go on (§11)',
  async (t) => {
    const leaver = await givenPerson(app)
    const bound = await givenTokens(app, client, leaver, { scope: 'openid' })
    const offline = await givenTokens(app, client, leaver, { scope: 'openid offline_access' })
    await leaver.browser.post('/logout', {})
    t.equal((await refreshAs(app, client, bound.refresh_token)).json().error, 'invalid_grant')
    const next = await refreshAs(app, client, offline.refresh_token)
    t.equal(next.statusCode, 200)
    t.equal((await app.get('/oauth/userinfo', next.json().access_token)).statusCode, 200)
    const sid = String(claimsOf(bound.access_token)['sid'])
    t.ok((await sessionRow(app, sid)).revoked_at)
  }
)

void t.test(
  'a login with an hour left: grants live as long, those with offline_access longer (§11)',
  async (t) => {
    const leaver = await givenPerson(app)
    await app.sql(
      `UPDATE session SET expires_at = latchkey_now() + interval '1 hour'
        WHERE user_id = $1 AND delivery = 'browser'`,
      [leaver.user.id]
    )
    const lifeOf = async (scope: string) => {
      const { access_token: token } = await givenTokens(app, client, leaver, { scope })
      const row = await sessionRow(app, String(claimsOf(token)['sid']))
      return Number(row.expires_at) - Date.now()
    }
    t.ok((await lifeOf('openid')) <= 3_600_000)
    t.ok((await lifeOf('openid offline_access')) > 86_400_000)
  }
)

void t.test('offline_access for a client without refresh tokens: ignored (§11)', async (t) => {
  const brief = await givenClient(app, { grant_types: ['authorization_code'] })
  const tokens = await givenTokens(app, brief, person, { scope: 'openid offline_access' })
  t.equal(tokens.scope, 'openid')
  t.notOk('refresh_token' in tokens)
})

void t.test(
  'an unknown scope beside openid: ignored, and the answer says what was granted (§3.1.2.1)',
  async (t) => {
    const tokens = await givenTokens(app, client, person, { scope: 'openid shoe_size phone' })
    t.equal(tokens.scope, 'openid')
  }
)
