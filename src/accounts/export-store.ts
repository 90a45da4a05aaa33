import type { Sealer } from '../platform/keys/sealer.ts'
import type { Postgres } from '../platform/postgres.ts'
import { destinationPlace } from './mail-token-store.ts'
import { reservedPlace } from './profile-store.ts'

export type ExportStore = ReturnType<typeof createExportStore>

export type ExportStoreDeps = { postgres: Postgres; sealer: Sealer }

/** What a row of a grant that waits tells its person. */
const GRANT = {
  clientId: true,
  scope: true,
  audience: true,
  createdAt: true,
  expiresAt: true,
  spentAt: true
} as const

/** What is held about a person, read for them: secrets and their hashes are left out. */
export function createExportStore({ postgres, sealer }: ExportStoreDeps) {
  /** Beside their profile, sessions and events. */
  async function findTraces(userId: string) {
    return postgres.read(async (db) => ({
      account: await db.user.findUnique({
        where: { id: userId },
        select: { emailVerifiedAt: true, mustReset: true, updatedAt: true }
      }),
      usernames: (await db.username.findMany({ where: { holderId: userId } })).map(
        ({ username, expiresAt }) => ({ username, reservedUntil: expiresAt })
      ),
      devices: await db.knownDevice.findMany({
        where: { userId },
        select: { createdAt: true, expiresAt: true }
      }),
      consents: await db.consent.findMany({
        where: { userId },
        select: { clientId: true, scopes: true, createdAt: true, updatedAt: true }
      }),
      formerAddresses: (await db.reservedEmail.findMany({ where: { userId } })).map((row) => ({
        email: sealer.open(row.emailSealed, reservedPlace(row.emailIndex)),
        until: row.expiresAt
      })),
      addressesAskedFor: (
        await db.oneTimeToken.findMany({ where: { userId, purpose: 'change_email' } })
      ).map((row) => ({
        email: row.emailSealed && sealer.open(row.emailSealed, destinationPlace(row.id)),
        since: row.createdAt,
        until: row.expiresAt,
        spentAt: row.spentAt
      })),
      mailTokens: (
        await db.oneTimeToken.findMany({ where: { userId, NOT: { purpose: 'change_email' } } })
      ).map(({ purpose, createdAt, expiresAt, spentAt }) => {
        return { purpose, since: createdAt, until: expiresAt, spentAt }
      }),
      // Not what they say: whoever asks to move to an address would see whether it is somebody's.
      mails: await db.outboxMessage.findMany({
        where: { userId },
        select: { createdAt: true, expiresAt: true, sentAt: true }
      }),
      authorizationRequests: await db.authorizationRequest.findMany({
        where: { consentedBy: userId },
        select: { clientId: true, createdAt: true, expiresAt: true, spentAt: true }
      }),
      authorizationCodes: await db.authorizationCode.findMany({
        where: { userId },
        select: { ...GRANT, redirectUri: true, authTime: true, amr: true, sessionId: true }
      }),
      deviceAuthorizations: await db.deviceAuthorization.findMany({
        where: { userId },
        select: { ...GRANT, isApproved: true, sessionId: true }
      })
    }))
  }

  /** The sessions that are still kept of a person, ended ones too, the newest first. */
  async function findSessions(userId: string, limit: number, { before }: { before?: string }) {
    const where = { userId, ...(before !== undefined && { id: { lt: before } }) }
    const rows = await postgres.read((db) =>
      db.session.findMany({
        where,
        orderBy: { id: 'desc' },
        take: limit,
        omit: { userId: true, secretHash: true, generation: true, rotatedAt: true }
      })
    )
    return rows.map(({ addressSealed, ...row }) => {
      const place = { table: 'session', column: 'address_sealed', row: row.id }
      return { ...row, address: addressSealed && sealer.open(addressSealed, place) }
    })
  }

  return { findTraces, findSessions }
}
