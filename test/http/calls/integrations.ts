import { givenSession, PASSWORD } from '../../support/builders.ts'
import { givenAdmin, type World } from './world.ts'

const HOOK = { url: 'http://localhost:9/hook', events: ['login.failed'] }
const CLIENT = { client_name: 'Shop', redirect_uris: ['https://shop.example/callback'] }

/** What connects this server with others: webhooks, clients, mails that were not taken, a CAPTCHA. */
export async function callIntegrations(world: World): Promise<void> {
  const { app, suspicious, call } = world
  const { accessToken: token, user } = await givenAdmin(app)
  await callWebhooks(world, token)
  await callClients(world, token)
  await callOutbox(world, token)
  const plain = (await givenSession(app)).accessToken
  for (const { name } of world.operations.filter(({ path }) => path.startsWith('/admin/'))) {
    await call(name, { token: plain })
  }
  for (const name of ['openid-configuration', 'oauth-authorization-server']) {
    await call(`GET /.well-known/${name}`)
  }
  await call('POST /auth/reauthenticate', { token, body: { password: PASSWORD } })
  await call('POST /auth/reauthenticate', { token, body: { password: 'not-the-password' } })
  const { email } = user
  const login = { email, password: PASSWORD }
  for (const [name, body] of [
    ['POST /auth/login', login],
    ['POST /auth/register', login],
    ['POST /auth/forgot-password', { email }],
    ['POST /auth/password-reset/request', { email }]
  ] as const) {
    await call(name, { at: suspicious, body })
  }
}

async function callWebhooks({ app, call }: World, token: string): Promise<void> {
  const made = (await call('POST /admin/webhooks', { token, body: HOOK })).json()
  const id = made.webhook.id as string
  await call('GET /admin/webhooks', { token })
  await call('GET /admin/webhook-events', { token })
  const since = '2026-01-01T00:00:00Z'
  const one = [
    ['GET /admin/webhooks/{id}', undefined],
    ['POST /admin/webhooks/{id}/rotate-secret', undefined],
    ['POST /admin/webhooks/{id}/replay', { since }],
    ['POST /admin/webhooks/{id}/test', undefined],
    ['PUT /admin/webhooks/{id}', { ...HOOK, enabled: false }],
    // Nothing is sent to one that is disabled.
    ['POST /admin/webhooks/{id}/replay', { since }],
    ['POST /admin/webhooks/{id}/test', undefined],
    ['DELETE /admin/webhooks/{id}', undefined]
  ] as const
  for (const [name, body] of one) {
    await call(name, { token, id, body })
    await call(name, { token, body })
  }
  await app.sql(
    `INSERT INTO webhook_endpoint (id, url_sealed, secret_sealed, events, enabled, created_at, updated_at)
     SELECT gen_random_uuid(), '', '', '{}', false, now(), now() FROM generate_series(1, 50)`
  )
  await call('POST /admin/webhooks', { token, body: HOOK })
  await app.sql("DELETE FROM webhook_endpoint WHERE events = '{}'")
}

async function callClients({ call }: World, token: string): Promise<void> {
  const made = (await call('POST /admin/clients', { token, body: CLIENT })).json()
  const id = made.client.client_id as string
  await call('POST /admin/clients', { token, body: { ...CLIENT, client_id: id } })
  await call('GET /admin/clients', { token })
  const one = [
    ['GET /admin/clients/{id}', undefined],
    ['PUT /admin/clients/{id}', { client_name: 'Store' }],
    ['POST /admin/clients/{id}/rotate-secret', undefined],
    ['POST /admin/clients/{id}/disable', undefined],
    ['POST /admin/clients/{id}/enable', undefined],
    ['DELETE /admin/clients/{id}', undefined]
  ] as const
  for (const [name, body] of one) {
    await call(name, { token, id, body })
    await call(name, { token, body })
  }
  const tokens = '/admin/clients/initial-access-tokens'
  const kept = (await call(`POST ${tokens}`, { token, body: { name: 'CI' } })).json()
  await call(`GET ${tokens}`, { token })
  await call(`DELETE ${tokens}/{id}`, { token, id: kept.initial_access_token.id as string })
  await call(`DELETE ${tokens}/{id}`, { token })
  const keyless = { ...CLIENT, token_endpoint_auth_method: 'none' }
  const { client } = (await call('POST /admin/clients', { token, body: keyless })).json()
  await call('POST /admin/clients/{id}/rotate-secret', { token, id: client.client_id as string })
}

async function callOutbox({ app, call }: World, token: string): Promise<void> {
  await call('GET /admin/outbox', { token })
  const [parked] = await app.sql<{ id: string }>(
    `INSERT INTO outbox_message (id, kind, payload_sealed, created_at, next_attempt_at, expires_at, parked_at)
     VALUES (gen_random_uuid(), 'mail', 'x', now(), now() + interval '1 hour', now() + interval '1 day', now())
     RETURNING id`
  )
  const id = parked?.id ?? ''
  await call('POST /admin/outbox/{id}/retry', { token, id })
  await call('POST /admin/outbox/{id}/retry', { token, id })
  await call('POST /admin/outbox/{id}/retry', { token })
  await call('DELETE /admin/outbox/{id}', { token, id })
  await call('DELETE /admin/outbox/{id}', { token })
}
