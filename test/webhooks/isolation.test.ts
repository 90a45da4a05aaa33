import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { outboxEmpty, register } from '../support/registrations.ts'
import {
  deliveries,
  failedAttempt,
  givenWebhook,
  OK,
  record,
  startReceiver,
  startTellingApp,
  told
} from '../support/webhooks.ts'

void t.test('a receiver that freezes: holds up itself, no other and no mail', async (t) => {
  const frozen = await startReceiver(t, () => undefined)
  const alive = await startReceiver(t)
  const { app, admin } = await startTellingApp(t, [frozen, alive])
  const stuck = await givenWebhook(t, admin, frozen.url, 'login.failed')
  await givenWebhook(t, admin, alive.url, 'login.failed')
  const startedAtMs = performance.now()
  await record(app, 'login.failed', 20)
  await register(app, { email: freshEmail() })
  await told(alive, 20)
  await outboxEmpty(app)
  t.ok(performance.now() - startedAtMs < 4_500, 'before the frozen one was given up')
  t.equal(frozen.seen.length, 4, 'its share, and no more')
  t.match(await deliveries(app, stuck.id), { length: 20, 0: { isSent: false } })
  frozen.become(OK)
  frozen.cut()
})

void t.test('an endpoint that the rules of today refuse: not connected to', async (t) => {
  const receiver = await startReceiver(t)
  const { app, admin } = await startTellingApp(t, [receiver])
  const { id } = await givenWebhook(t, admin, receiver.url, 'login.failed')
  await app.app.close()
  const stricter = await startApp(t, { ...app.env, OUTBOUND_ALLOWED_HOSTS: '' })
  await record(stricter, 'login.failed')
  t.match(await failedAttempt(stricter, id), { error: 'refused_url', attempts: 1 })
  t.equal(receiver.connections(), 0)
})

void t.test('two servers on one database: each event is told once', async (t) => {
  const receiver = await startReceiver(t)
  const { app, admin } = await startTellingApp(t, [receiver])
  await startApp(t, app.env)
  await givenWebhook(t, admin, receiver.url, 'login.failed')
  await record(app, 'login.failed', 60)
  await eventually('all sent', async () => (await deliveries(app)).every(({ isSent }) => isSent))
  t.equal(receiver.seen.length, 60)
  t.equal(new Set(receiver.seen.map(({ headers }) => headers['webhook-id'])).size, 60)
  t.ok((await deliveries(app)).every(({ attempts }) => attempts === 1))
})
