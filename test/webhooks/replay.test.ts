import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { fieldsOf, isProblem } from '../support/problem.ts'
import {
  deliveries,
  givenWebhook,
  record,
  startReceiver,
  startTellingApp,
  told,
  verified
} from '../support/webhooks.ts'

const receiver = await startReceiver(t)
const { app, admin } = await startTellingApp(t, [receiver])

const replay = async (id: string, body: object) =>
  admin.call('POST', `/admin/webhooks/${id}/replay`, body)

const allSent = async (id: string) =>
  eventually('all sent', async () => (await deliveries(app, id)).every(({ isSent }) => isSent))

/** Postgres' own: the app's is an estimate, which a busy machine makes worse. */
async function now(): Promise<string> {
  const [row] = await app.sql<{ now: Date }>('SELECT latchkey_now() AS now')
  return row!.now.toISOString()
}

void t.test(
  'an event that was told, replayed: told again, the same, under its own id',
  async (t) => {
    receiver.reset()
    const { id, secret } = await givenWebhook(t, admin, receiver.url, 'login.failed')
    const [eventId] = await record(app, 'login.failed')
    await told(receiver, 1)
    await allSent(id)
    const answer = await replay(id, { event_id: eventId })
    t.strictSame([answer.statusCode, answer.json()], [200, { events: 1, next_since: null }])
    const [first, second] = await told(receiver, 2)
    t.equal(second!.body, first!.body)
    t.equal(second!.headers['webhook-id'], eventId)
    t.strictSame(verified(secret, second!), verified(secret, first!))
    await allSent(id)
    t.match(await deliveries(app, id), [{ eventId, attempts: 1 }], 'one row')
    const [audited] = await app.sql(
      `SELECT actor_id, details FROM audit_event WHERE type = 'webhook.replayed' AND details->>'webhook' = $1`,
      [id]
    )
    t.strictSame(audited, { actor_id: admin.id, details: { webhook: id, events: 1 } })
  }
)

void t.test('an event that was parked, replayed: told, with every attempt before it', async (t) => {
  receiver.reset()
  const { id } = await givenWebhook(t, admin, receiver.url, 'login.failed')
  const [eventId] = await record(app, 'login.failed')
  await allSent(id)
  await app.sql(
    `UPDATE webhook_delivery SET parked_at = latchkey_now(), sent_at = NULL, attempts = 11, last_error = 'timeout'
      WHERE endpoint_id = $1`,
    [id]
  )
  t.equal((await replay(id, { event_id: eventId })).statusCode, 200)
  await allSent(id)
  t.match(await deliveries(app, id), [{ attempts: 1, error: null, isParked: false }])
})

void t.test(
  'a time, replayed to an endpoint that is new: what its filter names, and no more',
  async (t) => {
    receiver.reset()
    const [before] = await record(app, 'password.changed')
    await app.moveTime(2)
    const since = await now()
    const meant = await record(app, 'password.changed', 3)
    await record(app, 'session.ended', 2)
    await app.moveTime(4)
    const until = await now()
    await record(app, 'password.changed')
    const { id } = await givenWebhook(t, admin, receiver.url, 'password.*')
    t.strictSame((await replay(id, { since, until })).json(), { events: 3, next_since: null })
    await allSent(id)
    const ids = (await deliveries(app, id)).map(({ eventId }) => eventId)
    t.strictSame(ids.sort(), meant.sort())
    t.notOk(ids.includes(before!))
    t.strictSame((await replay(id, { since: until })).json(), { events: 1, next_since: null })
    await told(receiver, 4)
  }
)

void t.test(
  'one event, replayed fifty times at once while nobody takes it: queued once',
  async (t) => {
    receiver.reset((response) => response.writeHead(500).end())
    const { id } = await givenWebhook(t, admin, receiver.url, 'login.failed')
    const [eventId] = await record(app, 'password.changed')
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => replay(id, { event_id: eventId }))
    )
    const statuses = new Set(answers.map(({ statusCode }) => statusCode))
    t.ok(statuses.delete(200))
    statuses.delete(503)
    t.strictSame([...statuses], [], 'done, or too busy')
    t.match(await deliveries(app, id), { length: 1, 0: { eventId } })
  }
)

void t.test('more than one call takes, replayed: tells where to go on', async (t) => {
  receiver.reset()
  await app.moveTime(10)
  const since = new Date(Date.parse(await now()) - 3_000).toISOString()
  await app.sql(
    `INSERT INTO audit_event (id, at, type)
     SELECT overlay(gen_random_uuid()::text PLACING left(audit_first_id(at)::text, 13) FROM 1)::uuid, at, 'account.erased'
       FROM generate_series(0, 10004) AS n, LATERAL (SELECT latchkey_now() + make_interval(secs => n / 1000.0) AS at) AS row`
  )
  const until = new Date(Date.parse(since) + 60_000).toISOString()
  // A receiver that takes nothing, so that the rows stay to be counted.
  receiver.become((response) => response.writeHead(500).end())
  const { id } = await givenWebhook(t, admin, receiver.url, 'account.erased')
  const first = (await replay(id, { since, until })).json()
  t.match(first, { events: 10_000, next_since: String })
  const second = (await replay(id, { since: first.next_since, until })).json()
  t.match(second, { next_since: null })
  t.equal((await deliveries(app, id)).length, 10_005)
})

void t.test('a replay of nothing, or of both: refused', async (t) => {
  receiver.reset()
  const { id } = await givenWebhook(t, admin, receiver.url, 'login.failed')
  const [eventId] = await record(app, 'password.changed')
  const unknown = { event_id: '00000000-0000-7000-8000-000000000000' }
  isProblem(t, await replay(id, unknown), 404, 'no such event')
  const wrong: [object, string][] = [
    [{}, ''],
    [{ event_id: eventId, since: await now() }, ''],
    [{ until: await now() }, ''],
    [{ event_id: 'x' }, 'event_id'],
    [{ since: 'yesterday' }, 'since'],
    [{ since: '0000-01-01T00:00:00Z' }, 'since'],
    [{ since: await now(), until: '2026-12-31T23:59:60Z' }, 'until']
  ]
  for (const [body, field] of wrong) {
    const problem = isProblem(t, await replay(id, body), 422, JSON.stringify(body))
    t.strictSame(fieldsOf(problem), [field], JSON.stringify(body))
  }
  const future = { since: '2090-01-01T00:00:00Z' }
  t.strictSame((await replay(id, future)).json(), { events: 0, next_since: null })
  const settings = { url: receiver.url, events: ['*'], enabled: false }
  await admin.call('PUT', `/admin/webhooks/${id}`, settings)
  isProblem(t, await replay(id, { event_id: eventId }), 409, 'disabled')
  t.strictSame(await deliveries(app, id), [])
})
