import type { Test } from 'tap'
import { Webhook } from 'standardwebhooks'
import { startApp, type TestApp } from './app.ts'
import { givenSession, givenUser } from './builders.ts'
import { eventually } from './eventually.ts'
import { startHttpsServer, type Answer, type HttpsServer, type Seen } from './https-server.ts'
import { createTlsAuthority } from './tls-authority.ts'

/** What a delivery says, once its signature is checked by a library that is not ours. */
export type Told = {
  type: string
  timestamp: string
  data: {
    id: string
    user_id: string | null
    session_id: string | null
    client_id: string | null
    details: Record<string, unknown>
  }
}

const authority = await createTlsAuthority()
const certificate = await authority.issue('127.0.0.1')

export const OK: Answer = (response) => response.writeHead(204).end()

export async function startReceiver(t: Test, answer: Answer = OK) {
  const server = await startHttpsServer(t, certificate, answer)
  /** As if new, for the next test. */
  function reset(next = OK): void {
    server.seen.length = 0
    server.become(next)
  }

  return { ...server, url: `https://127.0.0.1:${server.port}/hooks?key=url-secret`, reset }
}

/** Settings that let an app reach these receivers. */
function reaching(...receivers: Pick<HttpsServer, 'port'>[]): Record<string, string> {
  return {
    OUTBOUND_ALLOWED_HOSTS: receivers.map(({ port }) => `127.0.0.1:${port}`).join(' '),
    OUTBOUND_CA: authority.ca
  }
}

/** An app that may reach these receivers, and an administrator of it. */
export async function startTellingApp(
  t: Test,
  receivers: Pick<HttpsServer, 'port'>[],
  env: Record<string, string> = {}
) {
  const app = await startApp(t, { ...reaching(...receivers), ...env })
  return { app, admin: await givenAdmin(app) }
}

export type Admin = Awaited<ReturnType<typeof givenAdmin>>

export async function givenAdmin(app: TestApp) {
  const user = await givenUser(app)
  await app.sql(`UPDATE users SET roles = '{admin,user}' WHERE id = $1`, [user.id])
  const { accessToken } = await givenSession(app, user)

  /** An administrator's request. */
  async function call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, body?: object) {
    const headers = { authorization: `Bearer ${accessToken}` }
    return app.app.inject({ method, url, headers, ...(body !== undefined && { body }) })
  }

  return { id: user.id, accessToken, call }
}

/** An endpoint until the end of the test, or of its app. */
export async function givenWebhook(t: Test, admin: Admin, url: string, ...events: string[]) {
  const answer = await admin.call('POST', '/admin/webhooks', { url, events })
  if (answer.statusCode !== 201) throw new Error(`webhook: ${answer.body}`)
  const { webhook, secret } = answer.json<{ webhook: { id: string }; secret: string }>()
  t.teardown(async () => {
    await admin.call('DELETE', `/admin/webhooks/${webhook.id}`).catch(() => undefined)
  })
  return { id: webhook.id, secret }
}

/** Checks a signature, and gives what was signed. @throws when it does not hold */
export function verified(secret: string, { body, headers }: Seen): Told {
  return new Webhook(secret).verify(body, headers as Record<string, string>) as Told
}

/** Whether one of the signatures is this secret's, whatever the time. */
export function isSignedWith(secret: string, { body, headers }: Seen): boolean {
  const at = new Date(Number(headers['webhook-timestamp']) * 1_000)
  const signature = new Webhook(secret).sign(String(headers['webhook-id']), at, body)
  return String(headers['webhook-signature']).split(' ').includes(signature)
}

/** Waits until the receiver was told so many times. */
export async function told({ seen }: Pick<HttpsServer, 'seen'>, times: number): Promise<Seen[]> {
  await eventually(`${times} deliveries`, async () => Promise.resolve(seen.length >= times))
  return seen
}

export type DeliveryRow = {
  eventId: string
  type: string
  attempts: number
  isSent: boolean
  isParked: boolean
  error: string | null
  waitSeconds: number
}

export async function deliveries({ sql }: TestApp, endpointId?: string): Promise<DeliveryRow[]> {
  return sql<DeliveryRow>(
    `SELECT event_id AS "eventId", event.type, attempts, sent_at IS NOT NULL AS "isSent",
            parked_at IS NOT NULL AS "isParked", last_error AS error,
            extract(epoch FROM next_attempt_at - latchkey_now())::float8 AS "waitSeconds"
       FROM webhook_delivery LEFT JOIN audit_event AS event ON event.id = event_id
      WHERE endpoint_id = coalesce($1, endpoint_id) ORDER BY event_id`,
    [endpointId ?? null]
  )
}

/** Makes an event without a request: what any feature would write. */
export async function record({ sql }: TestApp, type: string, count = 1): Promise<string[]> {
  const rows = await sql<{ id: string }>(
    `INSERT INTO audit_event (id, at, type)
     SELECT overlay(gen_random_uuid()::text PLACING left(audit_first_id(latchkey_now())::text, 13) FROM 1)::uuid,
            latchkey_now(), $1
       FROM generate_series(1, $2) RETURNING id`,
    [type, count]
  )
  return rows.map(({ id }) => id)
}

/** The first delivery of an endpoint, once an attempt has failed. */
export async function failedAttempt(app: TestApp, endpointId: string): Promise<DeliveryRow> {
  return eventually('a failed attempt', async () => {
    const [first] = await deliveries(app, endpointId)
    return first?.error === null ? null : first
  })
}
