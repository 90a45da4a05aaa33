import t from 'tap'
import { claimsOf } from '../../support/builders.ts'
import { decide, givenDevice, givenDeviceClient, givenPerson, poll } from '../../support/device.ts'
import { givenDpopKey } from '../../support/dpop.ts'
import { givenReplicas } from '../../support/replicas.ts'

const { redis, here, there } = await givenReplicas(t)
const { browser } = await givenPerson(here)
const errorOf = (answer: Awaited<ReturnType<typeof poll>>): string => answer.json().error

void t.test(
  'fifty polls at once of two servers, agreed to, Redis flushed in between: one session',
  async (t) => {
    const client = await givenDeviceClient(here)
    const { device_code: code, user_code: userCode } = await givenDevice(here, client)
    t.equal(errorOf(await poll(there, client, code)), 'authorization_pending')
    await decide(browser, userCode)
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        if (at === 20) await redis.flush()
        return poll(at % 2 === 0 ? here : there, client, code)
      })
    )
    const winners = answers.filter(({ statusCode }) => statusCode === 200)
    t.equal(winners.length, 1)
    const others = answers.filter((answer) => answer !== winners[0])
    for (const { statusCode } of others.filter((answer) => errorOf(answer) !== 'invalid_grant')) {
      t.equal(statusCode, 503, 'a server that was too busy said so')
      t.equal(
        errorOf(await poll(there, client, code)),
        'invalid_grant',
        'and a second try is refused'
      )
    }
    const sql = 'SELECT id, revoked_at FROM session WHERE client_id = $1'
    const sessions = await here.sql(sql, [client.id])
    t.equal(sessions.length, 1)
    t.ok(sessions[0]?.['revoked_at'], 'a code that is shown again ends what it began')
    t.equal(claimsOf(winners[0]!.json().access_token)['sid'], sessions[0]?.['id'])
  }
)

void t.test('a device code that was spent before Redis forgot all: still spent', async (t) => {
  const client = await givenDeviceClient(here)
  const { device_code: code, user_code: userCode } = await givenDevice(here, client)
  await redis.flush()
  t.equal((await decide(browser, userCode)).statusCode, 200, 'a code outlives it')
  await redis.flush()
  t.equal((await poll(here, client, code)).statusCode, 200, 'an approval too')
  await redis.flush()
  t.equal(errorOf(await poll(there, client, code)), 'invalid_grant')
})

void t.test(
  'fifty polls at once, nobody having agreed: one counts as in time (§3.5)',
  async (t) => {
    const client = await givenDeviceClient(here)
    const { device_code: code } = await givenDevice(here, client)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => poll(at % 2 === 0 ? here : there, client, code))
    )
    const errors = answers.map(errorOf).toSorted()
    t.strictSame(errors, [
      'authorization_pending',
      ...Array.from({ length: 49 }, () => 'slow_down')
    ])
  }
)

void t.test('a device with a DPoP key: its tokens are bound to it (RFC 9449 §5)', async (t) => {
  const client = await givenDeviceClient(here, { dpop_bound_access_tokens: true })
  const { device_code: code, user_code: userCode } = await givenDevice(here, client)
  await decide(browser, userCode)
  t.equal(errorOf(await poll(here, client, code)), 'invalid_dpop_proof')
  const key = await givenDpopKey()
  const dpop = await key.prove('/oauth/token')
  const answer = await poll(here, client, code, {}, { dpop })
  t.equal(answer.json().token_type, 'DPoP', answer.body)
  t.strictSame(claimsOf(answer.json().access_token)['cnf'], { jkt: key.jkt })
  const sql = 'SELECT dpop_jkt FROM session WHERE client_id = $1'
  t.strictSame(await here.sql(sql, [client.id]), [{ dpop_jkt: key.jkt }])
})

void t.test(
  'polls that come too soon: each adds five seconds (§3.5), until the code expires',
  async (t) => {
    const client = await givenDeviceClient(here)
    const { device_code: code, user_code: userCode } = await givenDevice(here, client)
    const approved = await givenDevice(here, client)
    await decide(browser, approved.user_code)
    let seconds = 0
    const pollAfter = async (pause: number) => {
      seconds += pause
      await here.moveTime(seconds)
      return errorOf(await poll(here, client, code))
    }
    t.equal(await pollAfter(0), 'authorization_pending', 'the first may come at once')
    t.equal(await pollAfter(2), 'slow_down')
    t.equal(await pollAfter(7), 'slow_down', 'ten seconds are due by now')
    t.equal(await pollAfter(15), 'authorization_pending')
    const sql = `SELECT interval_seconds FROM device_authorization
                WHERE client_id = $1 AND is_approved IS NULL`
    t.strictSame(await here.sql(sql, [client.id]), [{ interval_seconds: 15 }])

    t.equal(await pollAfter(600), 'expired_token')
    const late = await poll(here, client, approved.device_code)
    t.equal(errorOf(late), 'expired_token', 'agreed to or not')
    t.equal((await decide(browser, userCode)).statusCode, 400, 'and nobody can agree any more')
  }
)
