import type { GuessLanes } from '../abuse/guess-lanes.ts'
import type { Accounts } from '../accounts/room.ts'
import type { User } from '../accounts/user.ts'
import type { TrailEntry } from '../audit/shown-event.ts'
import type { AuditTrail } from '../audit/trail.ts'
import { ProblemError, validationFailed } from '../errors.ts'
import { parseEmailAddress } from '../lib/email-address.ts'
import type { OwnSession } from '../sessions/own-sessions.ts'
import type { Sessions } from '../sessions/room.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { FindOwnLanes } from './own-lanes-store.ts'
import type { AdminAct, UserAdminStore, UserChange, UserFilter } from './user-admin-store.ts'

const RECENT_EVENTS = 50

export type UserAdmin = ReturnType<typeof createUserAdmin>

export type UserAdminDeps = {
  store: UserAdminStore
  accounts: Accounts
  sessions: Sessions
  findEvents: AuditTrail['find']
  findOwnLanes: FindOwnLanes
  forgive: GuessLanes['forgive']
  revocationFeed: RevocationFeed
}

/** What an administrator does with people. Every act is in the audit trail, with who did it. */
export function createUserAdmin(deps: UserAdminDeps) {
  const { store, accounts, sessions, findEvents, findOwnLanes, forgive, revocationFeed } = deps

  /** A page of people who match every filter, and the cursor of the next one; an `email` is one's or nobody's. */
  async function list(
    filter: UserFilter & { email?: string }
  ): Promise<{ users: User[]; nextCursor: string | null }> {
    if (filter.email !== undefined) {
      const email = parseEmailAddress(filter.email)
      const user = email && (await accounts.findUserByEmail(email.canonical))
      const isMeant = user !== null && matches(user, filter)
      return { users: isMeant ? [user] : [], nextCursor: null }
    }
    const ids = await store.findIds(filter)
    const nextCursor = ids.length === filter.limit ? (ids.at(-1) ?? null) : null
    return { users: await accounts.showUsers(ids), nextCursor }
  }

  /** @throws {ProblemError} `not_found` */
  async function show(
    id: string
  ): Promise<{ user: User; sessions: OwnSession[]; events: TrailEntry[] }> {
    const user = await require(id)
    const [live, events] = await Promise.all([
      sessions.listOf(id),
      findEvents({ userId: id, limit: RECENT_EVENTS })
    ])
    return { user, sessions: live, events }
  }

  async function setRoles(act: AdminAct, roles: string[]): Promise<void> {
    const unknown = roles.filter((role) => !accounts.roles.exists(role))
    if (unknown.length > 0) throw validationFailed('roles', 'names a role that does not exist')
    refuseYourself(act)
    await apply(act, { event: 'account.roles_changed', set: { roles: [...new Set(roles)].sort() } })
  }

  async function disable(act: AdminAct): Promise<void> {
    refuseYourself(act)
    await apply(act, {
      event: 'account.disabled',
      set: { status: 'disabled' },
      endsSessions: 'account_disabled'
    })
  }

  async function enable(act: AdminAct): Promise<void> {
    await apply(act, { event: 'account.enabled', set: { status: 'active' } })
  }

  /** Wrong guesses are forgotten wherever they were made: the owner may have made some from within. */
  async function unlock(act: AdminAct): Promise<void> {
    await apply(act, { event: 'account.unlocked', set: {} })
    await forgive(...(await findOwnLanes(act.userId)))
  }

  async function forceReset(act: AdminAct): Promise<void> {
    await apply(act, {
      event: 'account.reset_forced',
      set: { mustReset: true },
      endsSessions: 'administrator'
    })
  }

  async function endSessions(act: AdminAct): Promise<void> {
    await apply(act, {
      event: 'account.sessions_ended',
      set: {},
      endsSessions: 'administrator'
    })
  }

  async function erase(act: AdminAct): Promise<void> {
    refuseYourself(act)
    const user = await require(act.userId)
    if (!(await accounts.profiles.eraseProven(user, act.origin, act.adminId))) throw noSuchUser()
  }

  async function apply(act: AdminAct, change: UserChange): Promise<void> {
    const applied = await store.apply(act, change)
    if (applied === null) throw noSuchUser()
    revocationFeed.announce(applied.ended)
  }

  async function require(id: string): Promise<User> {
    const user = await accounts.findUser(id)
    if (user === null) throw noSuchUser()
    return user
  }

  return { list, show, setRoles, disable, enable, unlock, forceReset, endSessions, erase }
}

/** As the statements of the store judge. */
function matches(user: User, { usernamePrefix, status, role, before }: UserFilter): boolean {
  return (
    (usernamePrefix === undefined || (user.username?.startsWith(usernamePrefix) ?? false)) &&
    (status === undefined || user.status === status) &&
    (role === undefined || user.roles.includes(role)) &&
    (before === undefined || user.id < before.toLowerCase())
  )
}

function noSuchUser(): ProblemError {
  return new ProblemError('not_found', 'There is no such user.')
}

/** So that the last administrator cannot lock everybody out by one slip. */
function refuseYourself({ adminId, userId }: AdminAct): void {
  if (adminId !== userId) return
  throw new ProblemError('not_yourself', 'Ask another administrator to do that to you.')
}
