import { v7 as uuidv7 } from 'uuid'
import type { AuditEventType, RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Clock } from '../platform/clock.ts'
import { Prisma, type Client as ClientRow } from '../platform/prisma/client.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { RevocationEntry } from '../tokens/revocation-feed.ts'
import type { ClientPolicy } from './client-metadata.ts'
import type { Client } from './client.ts'

/** Who does it; null is the operator at the command line. */
export type ClientAct = { origin: RequestOrigin; adminId: string | null }

/** A client as administrators see it. */
export type KeptClient = ClientPolicy & { createdAt: Date; disabledAt: Date | null }

export type ClientAdminStore = ReturnType<typeof createClientAdminStore>

export type ClientAdminStoreDeps = { postgres: Postgres; clock: Clock; record: Audit }

export function createClientAdminStore({ postgres, clock, record }: ClientAdminStoreDeps) {
  /** @returns whether the id was free */
  async function create(
    policy: ClientPolicy,
    secretHash: Uint8Array<ArrayBuffer> | null,
    act: ClientAct
  ): Promise<KeptClient | null> {
    const now = clock.now()
    return postgres.transaction(async (tx) => {
      const { count } = await tx.client.createMany({
        data: { ...columns(policy), createdAt: now, updatedAt: now },
        skipDuplicates: true
      })
      if (count === 0) return null
      if (secretHash !== null) await addSecret(tx, policy.id, secretHash)
      await tell(tx, 'client.created', policy.id, act)
      return { ...policy, createdAt: now, disabledAt: null }
    })
  }

  /** Replaces the policy. @returns null when there is no such client */
  async function replace(policy: ClientPolicy, act: ClientAct): Promise<KeptClient | null> {
    return postgres.transaction(async (tx) => {
      const data = { ...columns(policy), updatedAt: clock.now() }
      const [row] = await tx.client.updateManyAndReturn({ where: { id: policy.id }, data })
      if (row === undefined) return null
      await tell(tx, 'client.changed', policy.id, act)
      return kept(row)
    })
  }

  /**
   * Disables or enables. A disabled client gets no tokens, and those that it has are refused.
   * @returns what to announce, or null when there is no such client
   */
  async function setDisabled(
    id: string,
    isDisabled: boolean,
    act: ClientAct
  ): Promise<RevocationEntry[] | null> {
    return postgres.transaction(async (tx) => {
      const now = clock.now()
      const data = { disabledAt: isDisabled ? now : null, updatedAt: now }
      const { count } = await tx.client.updateMany({ where: { id }, data })
      if (count === 0) return null
      await tell(tx, isDisabled ? 'client.disabled' : 'client.enabled', id, act)
      return isDisabled ? [await refuseTokens(tx, id)] : []
    })
  }

  /** Forgets a client, its secrets and what people let it do; its tokens are refused. */
  async function remove(id: string, act: ClientAct): Promise<RevocationEntry[] | null> {
    return postgres.transaction(async (tx) => {
      const { count } = await tx.client.deleteMany({ where: { id } })
      if (count === 0) return null
      await tx.$executeRaw`
        UPDATE session SET revoked_at = latchkey_now(), revoke_reason = 'client_removed'
         WHERE client_id = ${id} AND revoked_at IS NULL`
      await tell(tx, 'client.deleted', id, act)
      return [await refuseTokens(tx, id)]
    })
  }

  /** A new secret; those before it are valid for `overlapSeconds` more. */
  async function rotateSecret(
    id: string,
    secretHash: Uint8Array<ArrayBuffer>,
    overlapSeconds: number,
    act: ClientAct
  ): Promise<boolean> {
    return postgres.transaction(async (tx) => {
      const [client] = await tx.$queryRaw<{ id: string }[]>`
        SELECT id FROM client WHERE id = ${id} FOR UPDATE`
      if (client === undefined) return false
      const now = clock.now()
      // Two are valid at a time, not three.
      await tx.clientSecret.deleteMany({ where: { clientId: id, expiresAt: { not: null } } })
      const expiresAt = new Date(now.getTime() + overlapSeconds * 1_000)
      await tx.clientSecret.updateMany({ where: { clientId: id }, data: { expiresAt } })
      await addSecret(tx, id, secretHash)
      await tell(tx, 'client.secret_rotated', id, act)
      return true
    })
  }

  async function find(id: string): Promise<KeptClient | null> {
    const row = await postgres.read((db) => db.client.findUnique({ where: { id } }))
    return row === null ? null : kept(row)
  }

  /** By id, a page at a time. */
  async function list(limit: number, after: string | undefined): Promise<KeptClient[]> {
    const rows = await postgres.read((db) =>
      db.client.findMany({
        ...(after !== undefined && { where: { id: { gt: after } } }),
        orderBy: { id: 'asc' },
        take: limit
      })
    )
    return rows.map(kept)
  }

  async function addSecret(
    tx: Transaction,
    clientId: string,
    secretHash: Uint8Array<ArrayBuffer>
  ): Promise<void> {
    const createdAt = clock.now()
    const id = uuidv7({ msecs: createdAt.getTime() })
    await tx.clientSecret.create({ data: { id, clientId, secretHash, createdAt } })
  }

  /** One entry refuses all tokens of a client. */
  async function refuseTokens(tx: Transaction, clientId: string): Promise<RevocationEntry> {
    const revokedAt = clock.now()
    const id = uuidv7({ msecs: revokedAt.getTime() })
    await tx.revocation.create({ data: { id, kind: 'client', subject: clientId, revokedAt } })
    return { kind: 'client', subject: clientId, revokedAt }
  }

  async function tell(
    tx: Transaction,
    type: AuditEventType,
    clientId: string,
    { origin, adminId }: ClientAct
  ): Promise<void> {
    const actor = adminId === null ? {} : { actorId: adminId }
    await record(tx, { type, origin, clientId, ...actor })
  }

  return { create, replace, setDisabled, remove, rotateSecret, find, list }
}

function columns(policy: ClientPolicy) {
  return { ...policy, jwks: (policy.jwks ?? Prisma.DbNull) as Prisma.InputJsonValue }
}

function kept(row: ClientRow): KeptClient {
  return row as ClientRow & Pick<Client, 'authMethod' | 'grantTypes' | 'jwks'>
}
