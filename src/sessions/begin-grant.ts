import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { LiveSession } from './session.ts'

/** Lets this grant outlive the browser login that it was made from (OpenID Connect Core §11). */
export const OFFLINE_ACCESS = 'offline_access'

/** What a client was granted, and by which login. */
export type NewGrant = {
  /** UUIDv7, made by whoever spends what the grant comes from: a second use can then end it. */
  id: string
  userId: string
  parentId: string
  clientId: string
  scope: string
  audience: string[]
  /** The `claims` parameter of the request, if there was one. */
  claims: object | null
  dpopJkt: string | null
  authTime: Date
  amr: string[]
  secret: Buffer
  idleSeconds: number
  absoluteSeconds: number
}

export type BeginGrant = ReturnType<typeof createGrantBeginner>

export type GrantBeginnerDeps = { sealer: Sealer; clock: Clock; record: Audit }

/** Sessions of OAuth clients: children of the browser login in which their person agreed. */
export function createGrantBeginner({ sealer, clock, record }: GrantBeginnerDeps) {
  /**
   * Begins the session of a grant, in the transaction that spends what it was made for. The parent's row
   * is held meanwhile: whoever ends it afterwards sees this child.
   * @returns null when the person or the login that agreed is gone
   */
  return async function beginGrant(
    tx: Transaction,
    grant: NewGrant,
    origin: RequestOrigin
  ): Promise<LiveSession | null> {
    const { secret, claims, idleSeconds, absoluteSeconds, ...columns } = grant
    const { id } = grant
    const [parent] = await tx.$queryRaw<{ expiresAt: Date }[]>`
      SELECT p.expires_at AS "expiresAt" FROM session p JOIN users u ON u.id = p.user_id
       WHERE p.id = ${grant.parentId}::uuid AND u.id = ${grant.userId}::uuid
         AND p.revoked_at IS NULL AND p.expires_at > latchkey_now()
         AND u.status = 'active' AND NOT u.must_reset
         FOR SHARE`
    if (parent === undefined) return null
    const now = clock.now()
    const outlives = grant.scope.split(' ').includes(OFFLINE_ACCESS)
    const ownEnd = now.getTime() + absoluteSeconds * 1_000
    const endsAt = outlives ? ownEnd : Math.min(ownEnd, parent.expiresAt.getTime())
    const row = await tx.session.create({
      data: {
        ...columns,
        ...(claims !== null && { claims }),
        secretHash: new Uint8Array(sha256(secret)),
        createdAt: now,
        rotatedAt: now,
        lastUsedAt: now,
        expiresAt: new Date(endsAt),
        idleExpiresAt: new Date(Math.min(endsAt, now.getTime() + idleSeconds * 1_000)),
        addressSealed: sealer.seal(origin.address, {
          table: 'session',
          column: 'address_sealed',
          row: id
        })
      },
      include: { user: true }
    })
    const { userId, clientId } = grant
    await record(tx, { type: 'grant.begun', origin, userId, sessionId: id, clientId })
    const { roles, emailSealed, emailVerifiedAt, name, username } = row.user
    return { ...row, roles, emailSealed, emailVerifiedAt, name, username }
  }
}
