import type { AuditEventType, RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Clock } from '../platform/clock.ts'
import type { Connection, Postgres, Transaction } from '../platform/postgres.ts'
import { Prisma } from '../platform/prisma/client.ts'
import type { Reader } from '../platform/replica.ts'
import type { EndedSession, EndSessions } from '../sessions/end-sessions.ts'
import type { EndReason } from '../sessions/session.ts'

/** Which people are asked for; `before` is the id of the last one seen. */
export type UserFilter = {
  usernamePrefix?: string
  status?: 'active' | 'disabled'
  role?: string
  before?: string
  limit: number
}

/** Who does it, to whom; `adminId` is null for an operator at the command line. */
export type AdminAct = { adminId: string | null; userId: string; origin: RequestOrigin }

/** What changes of a person, what it is called in the trail, and whether their sessions end with it. */
export type UserChange = {
  event: AuditEventType
  set: { status?: 'active' | 'disabled'; mustReset?: true; roles?: string[] }
  endsSessions?: EndReason
}

export type UserAdminStore = ReturnType<typeof createUserAdminStore>

export type UserAdminStoreDeps = {
  postgres: Postgres
  reader: Reader
  clock: Clock
  /** Mails that were sent to a person lead nowhere any more. */
  killPending: (tx: Transaction, userId: string) => Promise<void>
  killPendingChanges: (tx: Connection, userId: string) => Promise<void>
  endSessions: EndSessions
  record: Audit
}

export function createUserAdminStore(deps: UserAdminStoreDeps) {
  const { postgres, reader, clock, killPending, killPendingChanges, endSessions, record } = deps

  /** Ids of people, the newest first. */
  async function findIds(filter: UserFilter): Promise<string[]> {
    const { usernamePrefix, status, role, before, limit } = filter
    if (usernamePrefix !== undefined) {
      const beginning = `${usernamePrefix.replaceAll('_', '\\_')}%`
      return findIdsAmong(Prisma.sql`username LIKE ${beginning}`, filter)
    }
    if (role !== undefined && !(await isCommon(role))) {
      return findIdsAmong(Prisma.sql`roles @> ARRAY[${role}]`, { ...filter, role: undefined })
    }
    const rows = await reader.read((db) =>
      db.user.findMany({
        where: {
          ...(status !== undefined && { status }),
          ...(role !== undefined && { roles: { has: role } }),
          ...(before !== undefined && { id: { lt: before } })
        },
        orderBy: { id: 'desc' },
        take: limit,
        select: { id: true }
      })
    )
    return rows.map(({ id }) => id)
  }

  /**
   * Whether Postgres' statistics know a role, and with it how many hold it. They know each that one in some thousand
   * holds; of any other Postgres believes that one in two hundred does, were there fifty among millions.
   */
  async function isCommon(role: string): Promise<boolean> {
    const [found] = await reader.read(
      (db) => db.$queryRaw<{ isCommon: boolean }[]>`
        SELECT EXISTS (SELECT FROM pg_stats
                        WHERE schemaname = current_schema() AND tablename = 'users' AND attname = 'roles'
                          AND ${role} = ANY (most_common_elems::text::text[])) AS "isCommon"`
    )
    return found?.isCommon === true
  }

  /**
   * Those whose username begins so, or who hold a rare role, are read from its index, and then sorted: left to
   * itself Postgres goes through everybody, the newest first, in the hope of meeting enough of them soon.
   */
  async function findIdsAmong(
    few: Prisma.Sql,
    { status, role, before, limit }: Omit<UserFilter, 'role'> & { role?: string | undefined }
  ): Promise<string[]> {
    const conditions = [
      Prisma.sql`TRUE`,
      ...(before === undefined ? [] : [Prisma.sql`id < ${before}::uuid`]),
      ...(status === undefined
        ? []
        : [Prisma.sql`id IN (SELECT id FROM users WHERE status = ${status}::user_status)`]),
      ...(role === undefined
        ? []
        : [Prisma.sql`id IN (SELECT id FROM users WHERE roles @> ARRAY[${role}])`])
    ]
    const rows = await reader.read(
      (db) => db.$queryRaw<{ id: string }[]>`
        WITH few AS MATERIALIZED (SELECT id FROM users WHERE ${few})
        SELECT id FROM few WHERE ${Prisma.join(conditions, ' AND ')} ORDER BY id DESC LIMIT ${limit}`
    )
    return rows.map(({ id }) => id)
  }

  /**
   * Changes a person and writes it down. Who is disabled or has to reset keeps no mail token and no known
   * browser, and whose sessions end keeps no change of address: a thief may have asked for them. @returns null when there is no such person
   */
  async function apply(
    { adminId, userId, origin }: AdminAct,
    { event, set, endsSessions }: UserChange
  ): Promise<{ ended: EndedSession[] } | null> {
    return postgres.transaction(async (tx) => {
      const data = { ...set, updatedAt: clock.now() }
      const { count } = await tx.user.updateMany({ where: { id: userId }, data })
      if (count === 0) return null
      if (set.status === 'disabled' || set.mustReset) {
        await killPending(tx, userId)
        await tx.knownDevice.deleteMany({ where: { userId } })
      } else if (endsSessions !== undefined) {
        await killPendingChanges(tx, userId)
      }
      const actor = adminId === null ? {} : { actorId: adminId }
      const ended =
        endsSessions === undefined
          ? []
          : await endSessions(tx, { userId }, endsSessions, { origin, ...actor })
      const by = adminId === null ? { by: 'operator' } : {}
      const details = { ...by, ...(set.roles && { roles: set.roles.join(' ') }) }
      await record(tx, { type: event, origin, userId, ...actor, details })
      return { ended }
    })
  }

  return { findIds, apply }
}
