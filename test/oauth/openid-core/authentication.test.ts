import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import {
  callbackOf,
  givenClient,
  openBrowser,
  pkcePair,
  redeem,
  type TestClient
} from '../../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  outcomeOf,
  pkceUrl,
  requestIdOf,
  type Person
} from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app)
const ours = await givenClient(app, { first_party: true })
const pairwise = await givenClient(app, { first_party: true, subject_type: 'pairwise' })
const person = await givenPerson(app)
const other = await givenPerson(app)
await givenTokens(app, client, person)

/** Logs in where a request waits, and gives where it goes on. */
async function loginAndGoOn({ browser, user }: Person, location: string) {
  const target = new URL(location, 'http://x').searchParams.get('continue') ?? ''
  await browser.login(user, target)
  return outcomeOf(browser, target)
}

void t.test('prompt=none, logged in and agreed: a code, and no page (§3.1.2.1)', async (t) => {
  const { told } = await outcomeOf(person.browser, pkceUrl(client, { prompt: 'none' }))
  t.ok(told?.['code'])
})

void t.test('prompt=none, nobody logged in: login_required (§3.1.2.6)', async (t) => {
  const { told } = await outcomeOf(openBrowser(app), pkceUrl(client, { prompt: 'none' }))
  t.match(told, { error: 'login_required' })
})

void t.test('prompt=none, not agreed: consent_required (§3.1.2.6)', async (t) => {
  for (const parameters of [{}, { scope: 'openid email' }]) {
    const { told } = await outcomeOf(
      other.browser,
      pkceUrl(client, { ...parameters, prompt: 'none' })
    )
    t.match(told, { error: 'consent_required' })
  }
})

void t.test('prompt=none with a login that is too old: login_required (§3.1.2.1)', async (t) => {
  await app.moveTime(30)
  const { told } = await outcomeOf(
    person.browser,
    pkceUrl(client, { prompt: 'none', max_age: '10' })
  )
  await app.moveTime(0)
  t.match(told, { error: 'login_required' })
})

void t.test('max_age=0: as prompt=login (§3.1.2.1)', async (t) => {
  t.equal((await outcomeOf(person.browser, pkceUrl(ours, { max_age: '0' }))).page, '/login')
})

for (const prompt of ['login', 'select_account', 'login consent']) {
  void t.test(
    `prompt=${prompt}: a new login, and the first one is not enough (§3.1.2.1)`,
    async (t) => {
      const { page, location } = await outcomeOf(person.browser, pkceUrl(ours, { prompt }))
      t.equal(page, '/login')
      const target = new URL(location, 'http://x').searchParams.get('continue') ?? ''
      t.equal(
        (await outcomeOf(person.browser, target)).page,
        '/login',
        'going on without it leads back'
      )
      await sleep(2)
      const after = await loginAndGoOn(person, location)
      if (prompt.includes('consent')) t.equal(after.page, '/consent')
      else t.ok(after.told?.['code'])
    }
  )
}

void t.test('prompt=consent: asked again, though it was agreed (§3.1.2.1)', async (t) => {
  const asked = await outcomeOf(person.browser, pkceUrl(client, { prompt: 'consent' }))
  t.equal(asked.page, '/consent')
  const form = { request: requestIdOf(asked.location), decision: 'allow' }
  const answer = await person.browser.post('/consent', form)
  t.ok(callbackOf(answer.headers.location)['code'])
})

void t.test(
  'a request that comes to no scopes: asked about once, and prompt=none works after (§3.1.2.1)',
  async (t) => {
    const bare = await givenClient(app, { scope: 'openid' })
    const url = new URL(pkceUrl(bare), 'http://x')
    url.searchParams.delete('scope')
    const target = url.pathname + url.search
    const silent = async () => (await outcomeOf(person.browser, `${target}&prompt=none`)).told
    t.equal((await silent())?.['error'], 'consent_required')
    const asked = await outcomeOf(person.browser, target)
    t.equal(asked.page, '/consent')
    const form = { request: requestIdOf(asked.location), decision: 'allow' }
    await person.browser.post('/consent', form)
    t.ok((await outcomeOf(person.browser, target)).told?.['code'], 'not asked again')
    t.ok((await silent())?.['code'])
    await person.browser.post('/account/apps/revoke', { client_id: bare.id })
    t.equal((await silent())?.['error'], 'consent_required', 'until it is taken back')
  }
)

void t.test(
  'max_age: a younger login will do, an older one will not; auth_time tells (§3.1.2.1, §2)',
  async (t) => {
    t.ok((await outcomeOf(person.browser, pkceUrl(ours, { max_age: '10000' }))).told?.['code'])
    await app.moveTime(30)
    const asked = await outcomeOf(person.browser, pkceUrl(ours, { max_age: '10' }))
    t.equal(asked.page, '/login')
    const { verifier, challenge } = pkcePair()
    const again = await outcomeOf(
      person.browser,
      pkceUrl(ours, { max_age: '10', code_challenge: challenge })
    )
    const after = await loginAndGoOn(person, again.location)
    const tokens = (await redeem(app, ours, { code: after.told?.['code'] ?? '', verifier })).json()
    const { auth_time: authTime, iat } = claimsOf(tokens.id_token)
    await app.moveTime(0)
    t.ok(Math.abs(Number(iat) - Number(authTime)) <= 10)
  }
)

async function hintOf(who: Person, of: TestClient): Promise<string> {
  return (await givenTokens(app, of, who)).id_token
}

for (const [name, of] of [
  ['public', ours],
  ['pairwise', pairwise]
] as const) {
  void t.test(
    `id_token_hint, ${name} subject: of this person a code, of another login_required (§3.1.2.1)`,
    async (t) => {
      const [mine, theirs] = [await hintOf(person, of), await hintOf(other, of)]
      const url = (id_token_hint: string) => pkceUrl(of, { id_token_hint, prompt: 'none' })
      t.ok((await outcomeOf(person.browser, url(mine))).told?.['code'])
      t.equal((await outcomeOf(person.browser, url(theirs))).told?.['error'], 'login_required')
      await app.moveTime(86_400)
      t.ok(
        (await outcomeOf(person.browser, url(mine))).told?.['code'],
        'an expired one is still a hint'
      )
      await app.moveTime(0)
    }
  )
}

for (const [what, hint] of [
  ['garbage', 'x'],
  ['an access token', null]
] as const) {
  void t.test(
    `id_token_hint that is ${what}: login_required, and no code (§3.1.2.1)`,
    async (t) => {
      const id_token_hint = hint ?? (await givenTokens(app, ours, person)).access_token
      const { told } = await outcomeOf(
        person.browser,
        pkceUrl(ours, { id_token_hint, prompt: 'none' })
      )
      t.equal(told?.['error'], 'login_required')
    }
  )
}

for (const [what, unreadable] of [
  ['garbage', async () => Promise.resolve('x')],
  ['an access token', async () => (await givenTokens(app, ours, person)).access_token],
  ['of a key that was dropped', async () => droppedHint(person)]
] as const) {
  void t.test(
    `id_token_hint that is ${what}, without prompt: invalid_request at once, for no login would do (§3.1.2.1)`,
    async (t) => {
      const url = pkceUrl(ours, { id_token_hint: await unreadable() })
      for (const browser of [person.browser, openBrowser(app)]) {
        const { told, page } = await outcomeOf(browser, url)
        t.equal(page, null, 'nobody is sent to the login')
        t.match(told, { error: 'invalid_request', error_description: /id_token_hint/ })
      }
      const answer = await person.browser.post('/oauth/authorize', queryOf(url))
      const held = await outcomeOf(person.browser, String(answer.headers.location))
      t.equal(held.told?.['error'], 'invalid_request', 'posted as well')
    }
  )
}

/** An ID token of the person, as it stands with a key that is in other hands now. */
async function droppedHint(who: Person): Promise<string> {
  const hint = await hintOf(who, ours)
  const [head = '', ...rest] = hint.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as object
  const gone = Buffer.from(JSON.stringify({ ...header, kid: 'gone' })).toString('base64url')
  return [gone, ...rest].join('.')
}

function queryOf(url: string): Record<string, string> {
  return Object.fromEntries(new URL(url, 'http://x').searchParams)
}

void t.test(
  'id_token_hint of another, without prompt: the login, and only that one gets a code (§3.1.2.1)',
  async (t) => {
    const id_token_hint = await hintOf(other, ours)
    const { page, location } = await outcomeOf(person.browser, pkceUrl(ours, { id_token_hint }))
    t.equal(page, '/login')
    const guest = { browser: openBrowser(app), user: other.user }
    t.ok((await loginAndGoOn(guest, location)).told?.['code'])
  }
)

void t.test('a sub asked for by the claims parameter: only for that person (§5.5.1)', async (t) => {
  const asking = (sub: string) =>
    pkceUrl(ours, { prompt: 'none', claims: JSON.stringify({ id_token: { sub: { value: sub } } }) })
  t.ok((await outcomeOf(person.browser, asking(person.user.id))).told?.['code'])
  t.equal(
    (await outcomeOf(person.browser, asking(other.user.id))).told?.['error'],
    'login_required'
  )
})

void t.test(
  'an essential acr: told when it can be had, an error when not (§5.5.1.1)',
  async (t) => {
    const asking = (acr: unknown) =>
      pkceUrl(ours, { claims: JSON.stringify({ id_token: { acr } }) })
    const has = (await app.get('/.well-known/openid-configuration')).json().acr_values_supported
    t.ok((await outcomeOf(person.browser, asking({ essential: true, values: has }))).told?.['code'])
    t.ok((await outcomeOf(person.browser, asking({ values: ['urn:x'] }))).told?.['code'], 'a wish')
    for (const acr of [
      { essential: true, value: 'urn:x' },
      { essential: true, values: ['urn:x'] }
    ]) {
      t.equal((await outcomeOf(person.browser, asking(acr))).told?.['error'], 'access_denied')
    }
  }
)

void t.test('login_hint: stands in the form, as text (§3.1.2.1)', async (t) => {
  const guest = openBrowser(app)
  const { location } = await outcomeOf(
    guest,
    pkceUrl(ours, { login_hint: '"><script>ada@example.com' })
  )
  const { body } = await guest.get(location)
  t.match(body, 'ada@example.com')
  t.notMatch(body, '"><script>')
})

void t.test('display, ui_locales, claims_locales, acr_values: taken (§15.1)', async (t) => {
  const wishes = { display: 'popup', ui_locales: 'se', claims_locales: 'se', acr_values: '1 2' }
  t.ok((await outcomeOf(person.browser, pkceUrl(ours, wishes))).told?.['code'])
})

void t.test(
  "a browser that changes hands while the consent waits: the other's consent counts for nothing",
  async (t) => {
    const guest = await givenPerson(app)
    const { location } = await outcomeOf(guest.browser, pkceUrl(client))
    const request = requestIdOf(location)
    const stranger = await givenPerson(app)
    const seen = await outcomeOf(stranger.browser, `/oauth/authorize/resume?request=${request}`)
    t.equal(seen.page, '/consent', 'a stranger is asked for themself')
    const answer = await guest.browser.post('/consent', { request, decision: 'allow' })
    t.ok(callbackOf(answer.headers.location)['code'])
    const late = await stranger.browser.post('/consent', { request, decision: 'allow' })
    t.equal(late.statusCode, 400)
  }
)
