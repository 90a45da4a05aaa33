import type { AuditEventType } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { InitialAccessToken as Row } from '../platform/prisma/client.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { ClientAct } from './client-admin-store.ts'
import type { RegistrationPolicy } from './registration-policy.ts'

/** A token that lets its holder register clients, as administrators see it. */
export type InitialAccessToken = {
  id: string
  name: string
  policy: RegistrationPolicy
  createdAt: Date
  expiresAt: Date | null
  revokedAt: Date | null
}

export type NewInitialAccessToken = {
  name: string
  tokenHash: Uint8Array<ArrayBuffer>
  policy: RegistrationPolicy
  /** Null: until it is revoked. */
  ttlSeconds: number | null
}

export type InitialAccessTokenStore = ReturnType<typeof createInitialAccessTokenStore>

export type InitialAccessTokenStoreDeps = { postgres: Postgres; clock: Clock; record: Audit }

export function createInitialAccessTokenStore(deps: InitialAccessTokenStoreDeps) {
  const { postgres, clock, record } = deps

  async function create(
    { name, tokenHash, policy, ttlSeconds }: NewInitialAccessToken,
    act: ClientAct
  ): Promise<InitialAccessToken> {
    const createdAt = clock.now()
    const id = uuidv7At(createdAt)
    const expiresAt =
      ttlSeconds === null ? null : new Date(createdAt.getTime() + ttlSeconds * 1_000)
    return postgres.transaction(async (tx) => {
      const data = { id, name, tokenHash, policy, createdAt, expiresAt }
      const row = await tx.initialAccessToken.create({ data })
      await tell(tx, 'initial_access_token.created', id, act)
      return shown(row)
    })
  }

  /** May be repeated. Clients that were registered with it stay. @returns whether there is such a token */
  async function revoke(id: string, act: ClientAct): Promise<boolean> {
    return postgres.transaction(async (tx) => {
      const { count } = await tx.initialAccessToken.updateMany({
        where: { id, revokedAt: null },
        data: { revokedAt: clock.now() }
      })
      if (count === 0) return (await tx.initialAccessToken.findUnique({ where: { id } })) !== null
      await tell(tx, 'initial_access_token.revoked', id, act)
      return true
    })
  }

  /** Newest first, a page at a time. */
  async function list(limit: number, before: string | undefined): Promise<InitialAccessToken[]> {
    const rows = await postgres.read((db) =>
      db.initialAccessToken.findMany({
        ...(before !== undefined && { where: { id: { lt: before } } }),
        orderBy: { id: 'desc' },
        take: limit
      })
    )
    return rows.map(shown)
  }

  /** @returns null for a token that is unknown, revoked or expired */
  async function findLive(tokenHash: Uint8Array<ArrayBuffer>): Promise<InitialAccessToken | null> {
    const row = await postgres.read((db) =>
      db.initialAccessToken.findFirst({
        where: {
          tokenHash,
          revokedAt: null,
          OR: [{ expiresAt: null }, { expiresAt: { gt: clock.now() } }]
        }
      })
    )
    return row === null ? null : shown(row)
  }

  async function tell(
    tx: Transaction,
    type: AuditEventType,
    id: string,
    { origin, by }: ClientAct
  ): Promise<void> {
    const details = { initial_access_token: id }
    await record(tx, { type, origin, ...('admin' in by && { actorId: by.admin }), details })
  }

  return { create, revoke, list, findLive }
}

function shown({ tokenHash: _, ...row }: Row): InitialAccessToken {
  return row as typeof row & Pick<InitialAccessToken, 'policy'>
}
