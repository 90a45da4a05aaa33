import t from 'tap'
import { givenSession } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { register } from '../support/registrations.ts'
import {
  deliveries,
  failedAttempt,
  givenWebhook,
  record,
  startReceiver,
  startTellingApp,
  told,
  verified
} from '../support/webhooks.ts'

const receiver = await startReceiver(t)
const other = await startReceiver(t)
const { app, admin } = await startTellingApp(t, [receiver, other])

void t.test(
  'an event of a kind that is asked for: told once, signed, without a word too many',
  async (t) => {
    receiver.reset()
    const { id, secret } = await givenWebhook(
      t,
      admin,
      receiver.url,
      'login.succeeded',
      'account.*'
    )
    const { user, sessionId } = await givenSession(app)
    const seen = await told(receiver, 3)
    const events = seen.map((delivery) => verified(secret, delivery))
    t.strictSame(events.map(({ type }) => type).sort(), [
      'account.registered',
      'account.verified',
      'login.succeeded'
    ])
    const login = events.find(({ type }) => type === 'login.succeeded')!
    const [kept] = await app.sql<{ id: string; at: Date }>(
      `SELECT id, at FROM audit_event WHERE type = 'login.succeeded' AND user_id = $1`,
      [user.id]
    )
    t.strictSame(login, {
      type: 'login.succeeded',
      timestamp: kept!.at.toISOString(),
      data: {
        id: kept!.id,
        user_id: user.id,
        session_id: sessionId,
        client_id: 'latchkey',
        details: {}
      }
    })
    for (const { body, headers, method, url } of seen) {
      t.equal(method, 'POST')
      t.equal(url, '/hooks?key=url-secret')
      t.match(headers, { 'content-type': 'application/json', 'webhook-timestamp': /^\d{10}$/ })
      t.equal(headers['webhook-id'], JSON.parse(body).data.id, 'the event names itself')
      t.notMatch(body, /127\.0\.0\.1|@|whsec_/, 'no address, no e-mail, no secret')
    }
    await eventually('three that are sent', async () =>
      (await deliveries(app, id)).every(({ isSent, attempts }) => isSent && attempts === 1)
    )
    t.equal(receiver.seen.length, 3, 'each once')
  }
)

void t.test('events, by filter: each endpoint is told what it asked for', async (t) => {
  receiver.reset()
  other.reset()
  const some = await givenWebhook(t, admin, receiver.url, 'password.*')
  const all = await givenWebhook(t, admin, other.url, '*')
  for (const type of ['password.changed', 'password', 'passwordx.y', 'session.ended']) {
    await record(app, type)
  }
  const types = async (id: string) => (await deliveries(app, id)).map(({ type }) => type).sort()
  t.strictSame(await types(some.id), ['password.changed'])
  t.strictSame(await types(all.id), [
    'password',
    'password.changed',
    'passwordx.y',
    'session.ended',
    'webhook.created'
  ])
  await told(receiver, 1)
  await told(other, 5)
})

void t.test('a transaction that is rolled back: tells nobody anything', async (t) => {
  receiver.reset()
  const { id } = await givenWebhook(t, admin, receiver.url, 'account.registered')
  await app.sql(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$`)
  await app.sql(`
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON registration DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION refuse()`)
  t.equal((await register(app)).statusCode, 500)
  t.strictSame(await deliveries(app, id), [])
  await app.sql('DROP TRIGGER refuse ON registration')
  t.equal((await register(app)).statusCode, 201)
  await told(receiver, 1)
  t.equal(receiver.seen.length, 1)
})

void t.test('no endpoint, or only disabled ones: nothing is written', async (t) => {
  receiver.reset()
  const body = { url: receiver.url, events: ['*'], enabled: false }
  const { webhook } = (await admin.call('POST', '/admin/webhooks', body)).json()
  await givenSession(app)
  t.strictSame(await deliveries(app, webhook.id), [])
  t.equal((await admin.call('DELETE', `/admin/webhooks/${webhook.id}`)).statusCode, 200)
})

void t.test(
  'a receiver that is gone (410): disabled, audited, left alone; others go on',
  async (t) => {
    const [gone, alive] = [receiver, other]
    gone.reset((response) => response.writeHead(410).end())
    alive.reset()
    const { id } = await givenWebhook(t, admin, gone.url, 'login.failed')
    await givenWebhook(t, admin, alive.url, 'login.failed', 'webhook.disabled')
    await record(app, 'login.failed')
    await told(alive, 2)
    t.match(JSON.parse(alive.seen[1]!.body), {
      type: 'webhook.disabled',
      data: { details: { webhook: id, reason: 'gone' } }
    })
    await eventually('parking', async () => (await deliveries(app, id))[0]?.isParked)
    const { webhook, deliveries: shown } = (await admin.call('GET', `/admin/webhooks/${id}`)).json()
    t.match(webhook, { enabled: false, disabled_reason: 'gone' })
    t.match(shown, [{ type: 'login.failed', state: 'parked', last_error: 'HTTP 410', attempts: 1 }])
    await record(app, 'login.failed')
    await told(alive, 3)
    t.equal(gone.seen.length, 1)
  }
)

void t.test(
  'a redirect, or any other answer that is no 2xx: tried again, not followed',
  async (t) => {
    receiver.reset((response) => response.writeHead(307, { location: other.url }).end())
    other.reset()
    const { id } = await givenWebhook(t, admin, receiver.url, 'login.failed')
    await record(app, 'login.failed')
    t.match(await failedAttempt(app, id), { error: 'HTTP 307', isSent: false, isParked: false })
    t.strictSame(other.seen, [])
  }
)

void t.test(
  'an event that no request has made, such as at the command line: told as well',
  async (t) => {
    receiver.reset()
    await givenWebhook(t, admin, receiver.url, 'account.created')
    const [id] = await record(app, 'account.created')
    const [only] = await told(receiver, 1)
    t.equal(only!.headers['webhook-id'], id)
  }
)

void t.test('an answer that gets lost: told again, the same', async (t) => {
  receiver.reset((response) => response.destroy())
  const { id, secret } = await givenWebhook(t, admin, receiver.url, 'login.failed')
  await record(app, 'login.failed')
  t.match(await failedAttempt(app, id), { attempts: 1, error: 'unreachable', isSent: false })
  receiver.become((response) => response.writeHead(200).end('thanks'))
  await app.moveTime(6)
  const [first, second] = await told(receiver, 2)
  t.equal(second!.headers['webhook-id'], first!.headers['webhook-id'])
  t.equal(second!.body, first!.body)
  t.strictSame(verified(secret, second!), verified(secret, first!))
  await eventually('sent', async () => (await deliveries(app, id))[0]?.isSent)
  t.match(await deliveries(app, id), [{ attempts: 2, error: null }])
})
