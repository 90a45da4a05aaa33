import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Postgres } from '../platform/postgres.ts'
import { ALIVE } from './rotation-statement.ts'
import { LIVE_SESSION } from './rotation-store.ts'
import type { LiveSession } from './session.ts'

export type ReauthenticationStore = ReturnType<typeof createReauthenticationStore>

/** Whose session it is, and the hash that the password matched. */
export type Reauthenticated = { userId: string; sessionId: string; passwordHash: string }

export type ReauthenticationStoreDeps = { postgres: Postgres; record: Audit }

const RENEW = {
  name: 'session_reauthenticate',
  text: `
    UPDATE session s SET auth_time = latchkey_now()
      FROM users u
     WHERE s.id = $1::uuid AND s.user_id = $2::uuid
       AND u.password_hash = $3 AND NOT u.must_reset AND ${ALIVE}
    RETURNING ${LIVE_SESSION}`
}

export function createReauthenticationStore({ postgres, record }: ReauthenticationStoreDeps) {
  /** The login of a session is as young as now. @returns null when session or password have gone meanwhile */
  async function renew(
    { userId, sessionId, passwordHash }: Reauthenticated,
    origin: RequestOrigin
  ): Promise<LiveSession | null> {
    return postgres.hotTransaction(async (tx) => {
      const [session] = await tx.query<LiveSession>(RENEW, [sessionId, userId, passwordHash])
      if (session === undefined) return null
      await record(tx, { type: 'session.reauthenticated', origin, userId, sessionId })
      return session
    })
  }

  return { renew }
}
