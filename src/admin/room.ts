import type { Abuse } from '../abuse/room.ts'
import type { Accounts } from '../accounts/room.ts'
import type { Audit } from '../audit/record.ts'
import { createAuditTrail } from '../audit/trail.ts'
import type { Platform } from '../platform/open-platform.ts'
import type { EndSessions } from '../sessions/end-sessions.ts'
import type { Sessions } from '../sessions/room.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import { createOutboxAdminStore } from './outbox-admin-store.ts'
import { createOutboxAdmin } from './outbox-admin.ts'
import { createOwnLanes } from './own-lanes-store.ts'
import { createUserAdminStore } from './user-admin-store.ts'
import { createUserAdmin } from './user-admin.ts'

export type AdminDeps = {
  platform: Platform
  record: Audit
  abuse: Abuse
  endSessions: EndSessions
  revocationFeed: RevocationFeed
  accounts: Accounts
  sessions: Sessions
}

/** What an administrator sees and does. */
export function openAdmin(deps: AdminDeps) {
  const { platform, record, abuse, endSessions, revocationFeed, accounts, sessions } = deps
  const { postgres, reader, clock, sealer } = platform
  const { killPending, killPendingChanges } = accounts
  const writing = { postgres, reader, clock, endSessions, record }
  const { find: findEvents } = createAuditTrail({ reader, sealer })
  const userAdmin = createUserAdmin({
    store: createUserAdminStore({ ...writing, killPending, killPendingChanges }),
    accounts,
    sessions,
    findEvents,
    findOwnLanes: createOwnLanes(postgres),
    forgive: abuse.lanes.forgive,
    revocationFeed
  })
  const outboxAdmin = createOutboxAdmin(createOutboxAdminStore({ postgres, record }))
  return { userAdmin, outboxAdmin, findEvents }
}
