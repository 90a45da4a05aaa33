import t from 'tap'
import { givenSession } from '../support/builders.ts'
import { dumpDatabase, findCanaries } from '../support/database-dump.ts'
import { eventually } from '../support/eventually.ts'
import { fieldsOf, isProblem } from '../support/problem.ts'
import {
  deliveries,
  givenWebhook,
  isSignedWith,
  OK,
  record,
  startReceiver,
  startTellingApp,
  told,
  verified
} from '../support/webhooks.ts'

const ENDPOINTS = '/admin/webhooks'

const receiver = await startReceiver(t)
const other = await startReceiver(t)
const { app, admin } = await startTellingApp(t, [receiver, other])

async function audited(endpointId: string): Promise<string[]> {
  const rows = await app.sql<{ type: string; by: string | null }>(
    `SELECT type, actor_id AS by FROM audit_event WHERE details->>'webhook' = $1 ORDER BY at, id`,
    [endpointId]
  )
  t.ok(rows.every(({ by }) => by === admin.id))
  return rows.map(({ type }) => type)
}

void t.test(
  'an endpoint, from its beginning to its end: shown, changed, removed, audited',
  async (t) => {
    receiver.reset()
    const settings = { url: receiver.url, events: ['login.*', 'account.verified'] }
    const created = await admin.call('POST', ENDPOINTS, settings)
    t.equal(created.statusCode, 201)
    const { webhook, secret } = created.json()
    t.match(webhook, { ...settings, enabled: true, disabled_reason: null })
    t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/, '32 bytes')
    const url = `${ENDPOINTS}/${webhook.id}`

    const listed = await admin.call('GET', ENDPOINTS)
    t.strictSame(listed.json().webhooks, [webhook])
    const shown = await admin.call('GET', url)
    t.strictSame(shown.json(), { webhook, deliveries: [] })
    t.notMatch(listed.body + shown.body, /whsec_/, 'the secret was shown once')

    const change = { url: other.url, events: ['*'], enabled: false }
    const changed = await admin.call('PUT', url, change)
    t.equal(changed.statusCode, 200)
    t.match((await admin.call('GET', url)).json().webhook, change)
    t.strictSame(changed.json().webhook, (await admin.call('GET', url)).json().webhook)

    t.equal((await admin.call('DELETE', url)).statusCode, 200)
    for (const [method, path, body] of [
      ['GET', url],
      ['PUT', url, change],
      ['DELETE', url],
      ['POST', `${url}/rotate-secret`],
      ['POST', `${url}/test`],
      ['POST', `${url}/replay`, { since: '2026-01-01T00:00:00Z' }]
    ] as const) {
      isProblem(t, await admin.call(method, path, body), 404, `${method} ${path}`)
    }
    t.strictSame(await audited(webhook.id), [
      'webhook.created',
      'webhook.changed',
      'webhook.deleted'
    ])
    t.strictSame((await admin.call('GET', ENDPOINTS)).json(), { webhooks: [] })
  }
)

void t.test(
  'a URL that leads inside, at creation and at a change: 422, and nothing is kept',
  async (t) => {
    const { id } = await givenWebhook(t, admin, receiver.url, 'login.*')
    for (const url of [
      ...['http://example.com/', 'ftp://example.com/', 'https://user:pw@example.com/', 'nonsense'],
      ...['https://127.0.0.1/', 'https://127.0.0.1:1/', 'https://[::1]/', 'https://2130706433/'],
      ...['https://169.254.169.254/latest', 'https://10.0.0.1/', 'https://[::ffff:10.0.0.1]/'],
      ...[receiver.url.replace('https:', 'http:').replace('127.0.0.1', 'localhost')]
    ]) {
      const settings = { url, events: ['*'], enabled: true }
      for (const answer of [
        await admin.call('POST', ENDPOINTS, settings),
        await admin.call('PUT', `${ENDPOINTS}/${id}`, settings)
      ]) {
        const problem = isProblem(t, answer, 422, url, url.length > 10 ? url : undefined)
        t.strictSame(fieldsOf(problem), ['url'], url)
      }
    }
    t.match((await admin.call('GET', ENDPOINTS)).json(), { webhooks: [{ id, url: receiver.url }] })
  }
)

void t.test('a filter that names nothing, or a body with more: 422', async (t) => {
  const { url } = receiver
  for (const events of [
    ['nothing'],
    ['login.succeeded', 'x.*'],
    ['log*'],
    ['.*'],
    [''],
    [],
    '*',
    ['*', 7]
  ]) {
    const answer = await admin.call('POST', ENDPOINTS, { url, events })
    t.match(fieldsOf(isProblem(t, answer, 422, JSON.stringify(events))), [/^events/])
  }
  const more = { url, events: ['*'], secret: 'whsec_AAAA' }
  isProblem(t, await admin.call('POST', ENDPOINTS, more), 422, 'a field too many')
  isProblem(t, await admin.call('PUT', `${ENDPOINTS}/${admin.id}`, { url }), 422, 'fields too few')
  t.strictSame((await admin.call('GET', ENDPOINTS)).json(), { webhooks: [] })
  const { events } = (await admin.call('GET', '/admin/webhook-events')).json()
  t.ok(events.some(({ type }: { type: string }) => type === 'login.succeeded'))
})

void t.test(
  'somebody who is no administrator, at every door: 403, and nothing happens',
  async (t) => {
    receiver.reset()
    const { id } = await givenWebhook(t, admin, receiver.url, 'account.erased')
    const { accessToken } = await givenSession(app)
    const headers = { authorization: `Bearer ${accessToken}` }
    const one = `${ENDPOINTS}/${id}`
    const body = { url: other.url, events: ['*'], enabled: true }
    for (const [method, url, payload] of [
      ['GET', ENDPOINTS],
      ['GET', '/admin/webhook-events'],
      ['POST', ENDPOINTS, body],
      ['GET', one],
      ['PUT', one, body],
      ['DELETE', one],
      ['POST', `${one}/rotate-secret`],
      ['POST', `${one}/test`],
      ['POST', `${one}/replay`, { since: '2026-01-01T00:00:00Z' }]
    ] as const) {
      const request = { method, url, ...(payload !== undefined && { payload }) }
      isProblem(t, await app.app.inject({ ...request, headers }), 403, `${method} ${url}`)
      isProblem(t, await app.app.inject(request), 401, `${method} ${url} without a token`)
    }
    t.strictSame(await audited(id), ['webhook.created'])
    t.strictSame(await deliveries(app, id), [])
  }
)

void t.test('a secret that is replaced: both sign for a day, then the new one alone', async (t) => {
  receiver.reset()
  const { id, secret: old } = await givenWebhook(t, admin, receiver.url, 'login.failed')
  const rotated = await admin.call('POST', `${ENDPOINTS}/${id}/rotate-secret`)
  t.equal(rotated.statusCode, 200)
  const { secret, webhook } = rotated.json()
  t.not(secret, old)
  const validMs = Date.parse(webhook.previous_secret_until) - app.app.clock.now().getTime()
  t.ok(validMs > 86_300_000 && validMs <= 86_400_000, `${validMs} ms`)
  await record(app, 'login.failed')
  const [both] = await told(receiver, 1)
  t.match(both!.headers['webhook-signature'], /^v1,\S{44} v1,\S{44}$/)
  t.strictSame(verified(old, both!), verified(secret, both!))
  t.throws(() => verified(`whsec_${Buffer.alloc(32).toString('base64')}`, both!), 'no other secret')
  t.throws(() => verified(secret, { ...both!, body: `${both!.body} ` }), 'no other body')

  await app.sql(
    `UPDATE webhook_endpoint SET previous_secret_until = latchkey_now() WHERE id = $1`,
    [id]
  )
  await record(app, 'login.failed')
  const [, later] = await told(receiver, 2)
  t.ok(isSignedWith(secret, later!))
  t.notOk(isSignedWith(old, later!))
  t.strictSame(await audited(id), ['webhook.created', 'webhook.secret_rotated'])
})

void t.test('secrets and URLs, at rest and in /metrics: sealed, and not there', async (t) => {
  receiver.reset((response) => response.writeHead(500).end())
  const { id, secret: old } = await givenWebhook(t, admin, receiver.url, 'login.failed')
  const { secret } = (await admin.call('POST', `${ENDPOINTS}/${id}/rotate-secret`)).json()
  await record(app, 'login.failed')
  await eventually('a failed attempt', async () => (await deliveries(app, id))[0]?.error)
  const canaries = {
    secret: secret.slice(6),
    'the secret before': old.slice(6),
    'its bytes': Buffer.from(secret.slice(6), 'base64'),
    url: 'url-secret'
  }
  t.strictSame(findCanaries(await dumpDatabase(app.databaseUrl), canaries), [])
  const { body } = await app.app.inject('/metrics')
  t.match(body, /latchkey_webhook_deliveries_total\{outcome="retried"\} [1-9]/)
  t.match(body, /latchkey_webhook_deliveries_waiting [1-9]/)
  t.notMatch(body, /url-secret|whsec_/)
})

void t.test(
  'a test event: told to that endpoint, whatever its filter; a disabled one: 409',
  async (t) => {
    receiver.reset()
    other.reset()
    const { id, secret } = await givenWebhook(t, admin, receiver.url, 'login.failed')
    await givenWebhook(t, admin, other.url, 'login.failed')
    const answer = await admin.call('POST', `${ENDPOINTS}/${id}/test`)
    t.equal(answer.statusCode, 200)
    const [seen] = await told(receiver, 1)
    t.match(verified(secret, seen!), {
      type: 'webhook.tested',
      data: { id: answer.json().event_id, details: { webhook: id } }
    })
    await eventually('the view of it', async () => {
      const { deliveries: shown } = (await admin.call('GET', `${ENDPOINTS}/${id}`)).json()
      return shown[0]?.state === 'delivered'
    })
    t.strictSame(other.seen, [])
    const settings = { url: receiver.url, events: ['*'], enabled: false }
    await admin.call('PUT', `${ENDPOINTS}/${id}`, settings)
    const refused = isProblem(
      t,
      await admin.call('POST', `${ENDPOINTS}/${id}/test`),
      409,
      'disabled'
    )
    t.equal(refused.code, 'webhook_disabled')
  }
)

void t.test('fifty endpoints at once, while two are there: never more than fifty', async (t) => {
  receiver.reset(OK)
  await givenWebhook(t, admin, receiver.url, 'login.failed')
  await givenWebhook(t, admin, receiver.url, 'login.failed')
  const settings = { url: receiver.url, events: ['account.erased'] }
  const create = async () => admin.call('POST', ENDPOINTS, settings)
  const count = async () => (await admin.call('GET', ENDPOINTS)).json().webhooks.length
  const statuses = (await Promise.all(Array.from({ length: 50 }, create))).map(
    ({ statusCode }) => statusCode
  )
  const made = statuses.filter((status) => status === 201).length
  t.ok(
    statuses.every((status) => [201, 409, 503].includes(status)),
    [...new Set(statuses)].join()
  )
  t.equal(await count(), 2 + made)
  while ((await create()).statusCode === 201);
  t.equal((await create()).json().code, 'too_many_webhooks')
  t.equal(await count(), 50)
})
