import type { AuditEventType } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { WebhookEndpoint } from '../platform/prisma/client.ts'
import type { Endpoint, EndpointSettings, WebhookAct } from './endpoint.ts'
import { placeOf } from './sealed.ts'

/** Each may have some deliveries under way at once: so many do not exhaust a server. */
export const MAX_ENDPOINTS = 50

const PREVIOUS_SECRET_MS = 24 * 3_600_000

export type EndpointStore = ReturnType<typeof createEndpointStore>

export type EndpointStoreDeps = { postgres: Postgres; sealer: Sealer; clock: Clock; record: Audit }

export function createEndpointStore({ postgres, sealer, clock, record }: EndpointStoreDeps) {
  /** @returns null when there are too many already */
  async function create(
    act: WebhookAct,
    { url, events, enabled }: EndpointSettings,
    secret: string
  ): Promise<Endpoint | null> {
    const now = clock.now()
    const id = uuidv7At(now)
    return postgres.transaction(async (tx) => {
      // Who counts, inserts alone; readers, and whoever writes an event, do not wait.
      await tx.$executeRaw`LOCK TABLE webhook_endpoint IN SHARE ROW EXCLUSIVE MODE`
      if ((await tx.webhookEndpoint.count()) >= MAX_ENDPOINTS) return null
      const row = await tx.webhookEndpoint.create({
        data: {
          id,
          urlSealed: sealer.seal(url, placeOf('url_sealed', id)),
          events,
          enabled,
          secretSealed: sealer.seal(secret, placeOf('secret_sealed', id)),
          createdAt: now,
          updatedAt: now
        }
      })
      await tell(tx, 'webhook.created', act, id)
      return endpointOf(row)
    })
  }

  async function list(): Promise<Endpoint[]> {
    const rows = await postgres.read((db) =>
      db.webhookEndpoint.findMany({ orderBy: { id: 'asc' } })
    )
    return rows.map(endpointOf)
  }

  async function find(id: string): Promise<Endpoint | null> {
    const row = await postgres.read((db) => db.webhookEndpoint.findUnique({ where: { id } }))
    return row && endpointOf(row)
  }

  async function change(
    act: WebhookAct,
    id: string,
    { url, events, enabled }: EndpointSettings
  ): Promise<Endpoint | null> {
    return postgres.transaction(async (tx) => {
      const [row] = await tx.webhookEndpoint.updateManyAndReturn({
        where: { id },
        data: {
          urlSealed: sealer.seal(url, placeOf('url_sealed', id)),
          events,
          enabled,
          disabledReason: null,
          updatedAt: clock.now()
        }
      })
      if (row === undefined) return null
      await tell(tx, 'webhook.changed', act, id)
      return endpointOf(row)
    })
  }

  /** What waits for it is never sent; housekeeping removes it. */
  async function remove(act: WebhookAct, id: string): Promise<boolean> {
    return postgres.transaction(async (tx) => {
      const { count } = await tx.webhookEndpoint.deleteMany({ where: { id } })
      if (count > 0) await tell(tx, 'webhook.deleted', act, id)
      return count > 0
    })
  }

  /** The secret until now signs too for another day; one before that dies. */
  async function rotateSecret(
    act: WebhookAct,
    id: string,
    secret: string
  ): Promise<Endpoint | null> {
    return postgres.transaction(async (tx) => {
      const [locked] = await tx.$queryRaw<{ secretSealed: Uint8Array }[]>`
        SELECT secret_sealed AS "secretSealed" FROM webhook_endpoint WHERE id = ${id}::uuid FOR UPDATE`
      if (locked === undefined) return null
      const previous = sealer.open(locked.secretSealed, placeOf('secret_sealed', id))
      const now = clock.now()
      const row = await tx.webhookEndpoint.update({
        where: { id },
        data: {
          secretSealed: sealer.seal(secret, placeOf('secret_sealed', id)),
          previousSecretSealed: sealer.seal(previous, placeOf('previous_secret_sealed', id)),
          previousSecretUntil: new Date(now.getTime() + PREVIOUS_SECRET_MS),
          updatedAt: now
        }
      })
      await tell(tx, 'webhook.secret_rotated', act, id)
      return endpointOf(row)
    })
  }

  async function tell(
    tx: Transaction,
    type: AuditEventType,
    { adminId, origin }: WebhookAct,
    webhook: string
  ): Promise<void> {
    await record(tx, { type, origin, actorId: adminId, details: { webhook } })
  }

  function endpointOf(row: WebhookEndpoint): Endpoint {
    const { id, events, enabled, disabledReason, previousSecretUntil, createdAt, updatedAt } = row
    const url = sealer.open(row.urlSealed, placeOf('url_sealed', id))
    return { id, url, events, enabled, disabledReason, previousSecretUntil, createdAt, updatedAt }
  }

  return { create, list, find, change, remove, rotateSecret }
}
