import type { AuditEventType, RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import { Prisma, type Client as ClientRow } from '../platform/prisma/client.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { RevocationEntry } from '../tokens/revocation-feed.ts'
import type { KeptClient } from './client-policy.ts'
import { hasSecret, type Client, type ClientPolicy } from './client.ts'

/** Who does it: an administrator (by id), the operator at the command line, or a client by dynamic registration. */
export type ClientAct = {
  origin: RequestOrigin
  by: { admin: string } | { operator: true } | { registration: string }
}

/** What makes a client one that manages itself (RFC 7592). */
export type Registration = {
  tokenHash: Uint8Array<ArrayBuffer>
  initialAccessTokenId: string | null
}

/**
 * How long a request may go on with a client that it looked up before the client was disabled: what it signs
 * then is refused too. `iat` is whole seconds, and so is no order of events. (A person needs no such margin:
 * their tokens name a session, and a session that has ended is refused whenever its token was signed.)
 */
const UNDER_WAY_SECONDS = 10

export type ClientAdminStore = ReturnType<typeof createClientAdminStore>

export type ClientAdminStoreDeps = {
  postgres: Postgres
  clock: Clock
  record: Audit
  /** Told after each act on a client that was there before. */
  onChange?: (id: string) => void
}

export function createClientAdminStore(deps: ClientAdminStoreDeps) {
  const { postgres, clock, record, onChange } = deps

  /** @returns whether the id was free */
  async function create(
    policy: ClientPolicy,
    secretHash: Uint8Array<ArrayBuffer> | null,
    act: ClientAct,
    registration?: Registration
  ): Promise<KeptClient | null> {
    const now = clock.now()
    return postgres.transaction(async (tx) => {
      const { count } = await tx.client.createMany({
        data: {
          ...columns(policy),
          ...(registration !== undefined && {
            registrationTokenHash: registration.tokenHash,
            initialAccessTokenId: registration.initialAccessTokenId
          }),
          createdAt: now,
          updatedAt: now
        },
        skipDuplicates: true
      })
      if (count === 0) return null
      if (secretHash !== null) await addSecret(tx, policy.id, secretHash)
      await tell(tx, 'client.created', policy.id, act)
      const isRegistered = registration !== undefined
      return { ...policy, createdAt: now, disabledAt: null, isRegistered }
    })
  }

  /** Whether it is committed or not may be unknown: told either way. */
  async function change<T>(id: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await postgres.transaction(work)
    } finally {
      onChange?.(id)
    }
  }

  /**
   * Replaces the policy. A client that has no secret any more must not get the old one back by another change.
   * @returns null when there is no such client
   */
  async function replace(
    policy: ClientPolicy,
    act: ClientAct,
    newSecretHash: Uint8Array<ArrayBuffer> | null = null
  ): Promise<KeptClient | null> {
    return change(policy.id, async (tx) => {
      const data = { ...columns(policy), updatedAt: clock.now() }
      const [row] = await tx.client.updateManyAndReturn({ where: { id: policy.id }, data })
      if (row === undefined) return null
      if (!hasSecret(policy.authMethod)) {
        await tx.clientSecret.deleteMany({ where: { clientId: policy.id } })
      }
      if (newSecretHash !== null) await addSecret(tx, policy.id, newSecretHash)
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
    return change(id, async (tx) => {
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
    return change(id, async (tx) => {
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
    return change(id, async (tx) => {
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
    const id = uuidv7At(createdAt)
    await tx.clientSecret.create({ data: { id, clientId, secretHash, createdAt } })
  }

  /** One entry refuses all tokens of a client, and those that are being signed right now. */
  async function refuseTokens(tx: Transaction, clientId: string): Promise<RevocationEntry> {
    const now = clock.now()
    const revokedAt = new Date(now.getTime() + UNDER_WAY_SECONDS * 1_000)
    const id = uuidv7At(now)
    await tx.revocation.create({ data: { id, kind: 'client', subject: clientId, revokedAt } })
    return { kind: 'client', subject: clientId, revokedAt }
  }

  async function tell(
    tx: Transaction,
    type: AuditEventType,
    clientId: string,
    { origin, by }: ClientAct
  ): Promise<void> {
    const actor = 'admin' in by ? { actorId: by.admin } : { details: by }
    await record(tx, { type, origin, clientId, ...actor })
  }

  return { create, replace, setDisabled, remove, rotateSecret, find, list }
}

function columns(policy: ClientPolicy) {
  return { ...policy, jwks: (policy.jwks ?? Prisma.DbNull) as Prisma.InputJsonValue }
}

export function kept(row: ClientRow): KeptClient {
  const { registrationTokenHash, initialAccessTokenId: _, updatedAt: __, ...client } = row
  return {
    ...(client as typeof client &
      Pick<
        Client,
        'authMethod' | 'grantTypes' | 'jwks' | 'metadata' | 'accessTokenAlg' | 'idTokenAlg'
      >),
    isRegistered: registrationTokenHash !== null
  }
}
