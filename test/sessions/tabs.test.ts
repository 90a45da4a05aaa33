import { randomInt } from 'node:crypto'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { openBrowser, type Page } from '../support/browser.ts'
import { claimsOf, givenUser, type TestUser } from '../support/builders.ts'
import { startLossyProxy, type Fate } from '../support/lossy-proxy.ts'
import { listen } from '../support/raw-http.ts'
import { freePort } from '../support/server.ts'
import { eventsOf, sessionRow } from '../support/session-rows.ts'

const ROUNDS = 100
const LOSSY_ROUNDS = 40

const near = await freePort()
const issuer = `http://localhost:${near}`
const app = await startApp(t, { ISSUER: issuer })
const far = await listen(app)
const network: { fate: (path: string) => Fate } = { fate: () => ({ kind: 'deliver', afterMs: 0 }) }
const { lost } = await startLossyProxy(t, { near, far }, (path) => network.fate(path))
const browser = await openBrowser(t)

type Refreshed = { status: number; accessToken: string | null; lost: number; refused: number }

/** One person at one browser: several tabs, one cookie jar. */
async function givenTabs(user: TestUser, count: number) {
  const context = await browser.newContext()
  const tabs: Page[] = []
  while (tabs.length < count) {
    const tab = await context.newPage()
    await tab.goto(issuer)
    tabs.push(tab)
  }
  const { email, password } = user
  const login = await tabs[0]!.evaluate(
    async (body) => {
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', credentials: 'include', headers, body } as const
      return (await (await fetch('/auth/login', init)).json()) as Record<string, string>
    },
    JSON.stringify({ email, password, token_delivery: 'cookie' })
  )
  if ('refresh_token' in login) throw new Error('A cookie session got its token in a body.')
  const sessionId = claimsOf(login['access_token'] ?? '')['sid'] as string
  return { user, context, tabs, sessionId }
}

type Tabs = Awaited<ReturnType<typeof givenTabs>>

/**
 * As an application does it: at the agreed moment; again after an answer that did not arrive; and again
 * after a refusal, for another tab may have put a newer cookie there meanwhile.
 */
async function refreshIn(tab: Page, at: number): Promise<Refreshed> {
  return tab.evaluate(async (moment) => {
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    await pause(moment - Date.now())
    const got: Refreshed = { status: 0, accessToken: null, lost: 0, refused: 0 }
    while (got.lost < 10 && got.refused < 3) {
      const init = { method: 'POST', credentials: 'include' } as const
      const answer = await fetch('/auth/refresh-token', init).catch(() => null)
      got.status = answer?.status ?? 0
      if (answer?.status === 200) {
        got.accessToken = ((await answer.json()) as { access_token: string }).access_token
        return got
      }
      got[answer === null ? 'lost' : 'refused'] += 1
      await pause(50)
    }
    return got
  }, at)
}

/** Everybody's tabs at once. @returns what each got */
async function refreshAll(people: Tabs[], spreadMs: number) {
  const at = Date.now() + 10
  const tabs = people.flatMap(({ tabs }) => tabs)
  return Promise.all(tabs.map((tab) => refreshIn(tab, at + randomInt(spreadMs + 1))))
}

async function isGood({ status, accessToken }: Refreshed): Promise<boolean> {
  if (status !== 200 || accessToken === null) return false
  return (await app.get('/auth/me', accessToken)).statusCode === 200
}

/** What the rounds left behind: one living session each, its cookie good, and no alarm. */
async function stillLoggedIn(t: Test, people: Tabs[]): Promise<void> {
  for (const { user, context, tabs, sessionId } of people) {
    const sessions = await app.sql('SELECT id FROM session WHERE user_id = $1', [user.id])
    t.strictSame(sessions, [{ id: sessionId }], 'still the one session of the login')
    t.equal((await sessionRow(app, sessionId)).revoked_at, null)
    const types = (await eventsOf(app, sessionId)).map(({ type }) => type)
    t.notOk(types.includes('session.reuse_detected'), 'nobody was taken for a thief')
    t.notOk(types.includes('session.ahead_of_store'))
    const names = (await context.cookies()).map(({ name }) => name)
    t.ok(names.includes('latchkey-refresh'), 'the cookie is there')
    const last = await refreshIn(tabs[0]!, Date.now())
    t.equal(last.status, 200)
    t.equal(claimsOf(last.accessToken ?? '')['sub'], user.id, 'and is this person’s')
  }
}

async function givenPeople(tabs: number): Promise<Tabs[]> {
  return [await givenTabs(await givenUser(app), tabs), await givenTabs(await givenUser(app), tabs)]
}

void t.test(
  'two tabs that refresh one cookie at once, a hundred times: nobody is logged out',
  async (t) => {
    const people = await givenPeople(2)
    const before = await Promise.all(people.map(({ sessionId }) => sessionRow(app, sessionId)))
    let [refused, without] = [0, 0]
    for (let round = 0; round < ROUNDS; round += 1) {
      const got = await refreshAll(people, 0)
      for (const one of got) {
        refused += one.refused
        without += (await isGood(one)) ? 0 : 1
      }
    }
    t.equal(refused, 0, `no tab was refused in ${ROUNDS} rounds`)
    t.equal(without, 0, 'and each had a working access token after each of them')
    for (const [index, { sessionId }] of people.entries()) {
      const { generation } = await sessionRow(app, sessionId)
      t.comment(`${generation} generations by ${ROUNDS * 2} refreshes`)
      t.ok(generation >= before[index]!.generation + ROUNDS, 'each round rotated')
    }
    await stillLoggedIn(t, people)
  }
)

void t.test('three tabs, answers that come late or never: nobody is logged out', async (t) => {
  const people = await givenPeople(3)
  network.fate = (path) => {
    if (path !== '/auth/refresh-token') return { kind: 'deliver', afterMs: 0 }
    return { kind: randomInt(4) === 0 ? 'lose' : 'deliver', afterMs: randomInt(40) }
  }
  t.teardown(() => {
    network.fate = () => ({ kind: 'deliver', afterMs: 0 })
  })
  let [repeated, refused, without] = [0, 0, 0]
  for (let round = 0; round < LOSSY_ROUNDS; round += 1) {
    for (const got of await refreshAll(people, 20)) {
      repeated += got.lost
      refused += got.refused
      without += (await isGood(got)) ? 0 : 1
    }
  }
  t.comment(`${lost.count} answers lost, ${repeated} told to a tab, ${refused} refusals repeated`)
  t.ok(lost.count > LOSSY_ROUNDS, 'answers were lost')
  t.equal(without, 0, 'each had a working access token after each round')
  await stillLoggedIn(t, people)
})
