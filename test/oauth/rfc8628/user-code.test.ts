import t from 'tap'
import { startApp } from '../../support/app.ts'
import { decide, givenDevice, givenDeviceClient, givenPerson, poll } from '../../support/device.ts'
import { openBrowser } from '../../support/oauth.ts'

const app = await startApp(t, { RATE_LIMIT_DEVICE_PER_HOUR: '1000' })
const client = await givenDeviceClient(app)
const { browser } = await givenPerson(app)

/** What was decided about every code, the newest first. */
async function decisions() {
  const sql = 'SELECT is_approved FROM device_authorization ORDER BY created_at DESC'
  return (await app.sql(sql)).map((row) => row['is_approved'] as boolean | null)
}

void t.test(
  'a link with a code, opened: fills the form in and decides nothing (§3.3.1, §5.4)',
  async (t) => {
    const { user_code: code, device_code: deviceCode } = await givenDevice(app, client)
    const page = await browser.get(`/device?user_code=${code}`)
    t.equal(page.statusCode, 200)
    t.match(page.body, `value="${code}"`)
    t.notMatch(page.body, 'Television', 'nothing was looked up')
    t.strictSame(await decisions(), [null])
    t.equal((await poll(app, client, deviceCode)).json().error, 'authorization_pending')
  }
)

void t.test(
  'the page, opened by nobody: the login comes first, and leads back to the code',
  async (t) => {
    const stranger = openBrowser(app)
    const { user_code: code } = await givenDevice(app, client)
    const { headers, statusCode } = await stranger.get(`/device?user_code=${code}`)
    t.equal(statusCode, 303)
    const login = new URL(String(headers.location), 'http://x')
    t.equal(login.pathname, '/login')
    t.equal(login.searchParams.get('continue'), `/device?user_code=${code}`)
    const decided = await decide(stranger, code)
    t.equal(decided.statusCode, 303, 'and nobody decides without it')
    t.ok((await decisions()).every((is) => is === null))
  }
)

void t.test('a code, typed in small letters, with blanks: is the same (§6.1)', async (t) => {
  const { user_code: code } = await givenDevice(app, client)
  const typed = ` ${code.toLowerCase().replace('-', ' ')} `
  t.equal((await browser.post('/device', { user_code: typed })).statusCode, 200)
})

void t.test('a decision, sent from a foreign page: refused', async (t) => {
  const { user_code: code, device_code: deviceCode } = await givenDevice(app, client)
  const answer = await app.app.inject({
    method: 'POST',
    url: '/device/decide',
    headers: {
      cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; '),
      'sec-fetch-site': 'cross-site',
      'content-type': 'application/x-www-form-urlencoded'
    },
    payload: `user_code=${code}&decision=allow`
  })
  t.equal(answer.statusCode, 403)
  t.equal((await poll(app, client, deviceCode)).json().error, 'authorization_pending')
})

void t.test(
  'five wrong codes of one person: no more are looked at for an hour (§5.1)',
  async (t) => {
    const guesser = await givenPerson(app)
    const { user_code: code } = await givenDevice(app, client)
    for (const wrong of ['2222', '3333', '4444', '5555', '6666']) {
      const answer = await guesser.browser.post('/device', { user_code: `${wrong}-${wrong}` })
      t.equal(answer.statusCode, 400)
      t.match(answer.body, 'This code is wrong')
    }
    const right = await guesser.browser.post('/device', { user_code: code })
    t.equal(right.statusCode, 429, 'the right one neither')
    t.ok(Number(right.headers['retry-after']) > 3_000)
    t.equal((await decide(guesser.browser, code)).statusCode, 429)
    t.equal((await browser.post('/device', { user_code: code })).statusCode, 200, 'others may')
  }
)

void t.test('what can be no code: is a slip, not a guess', async (t) => {
  const person = await givenPerson(app)
  for (let at = 0; at < 7; at += 1) {
    t.equal((await person.browser.post('/device', { user_code: 'ABC-1' })).statusCode, 400)
  }
  const { user_code: code } = await givenDevice(app, client)
  t.equal((await person.browser.post('/device', { user_code: code })).statusCode, 200)
})

void t.test('fifty decisions of ten people at once: one is made', async (t) => {
  const people = await Promise.all(Array.from({ length: 10 }, () => givenPerson(app)))
  const { user_code: code, device_code: deviceCode } = await givenDevice(app, client)
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => decide(people[at % 10]!.browser, code))
  )
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
  t.ok(answers.every(({ statusCode }) => [200, 400, 429].includes(statusCode)))
  const [row] = await app.sql(
    `SELECT count(*)::int AS n FROM audit_event
      WHERE type = 'device.approved' AND user_id = ANY ($1::uuid[])`,
    [people.map(({ user }) => user.id)]
  )
  t.equal(row?.['n'], 1)
  t.equal((await poll(app, client, deviceCode)).statusCode, 200)
})

void t.test(
  'codes typed from one address, too many: 429, and the form still answers (§5.1)',
  async (t) => {
    const small = await startApp(t, { RATE_LIMIT_DEVICE_PER_HOUR: '3' })
    const person = await givenPerson(small)
    const statuses = []
    for (let at = 0; at < 4; at += 1) {
      statuses.push((await person.browser.post('/device', { user_code: 'ABC-1' })).statusCode)
    }
    t.strictSame(statuses, [400, 400, 400, 429])
  }
)

void t.test('a client that was disabled meanwhile: its codes are nobody’s', async (t) => {
  const gone = await givenDeviceClient(app)
  const { user_code: code } = await givenDevice(app, gone)
  await app.sql('UPDATE client SET disabled_at = now() WHERE id = $1', [gone.id])
  t.equal((await browser.post('/device', { user_code: code })).statusCode, 400)
})
