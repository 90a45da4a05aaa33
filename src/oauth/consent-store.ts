import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Connection, Postgres } from '../platform/postgres.ts'
import type { EndedSession, EndSessions } from '../sessions/end-sessions.ts'

/** A client that somebody lets in, as they see it. */
export type ConsentEntry = { clientId: string; name: string; scopes: string[]; since: Date }

export type ConsentStore = ReturnType<typeof createConsentStore>

export type ConsentStoreDeps = {
  postgres: Postgres
  record: Audit
  endSessions: EndSessions
}

export function createConsentStore({ postgres, record, endSessions }: ConsentStoreDeps) {
  /** The scopes that somebody has agreed to: none at all is an agreement too, null is none. */
  async function findScopes(userId: string, clientId: string): Promise<string[] | null> {
    const [consent] = await postgres.query<{ scopes: string[] }>(FIND_SCOPES, [userId, clientId])
    return consent?.scopes ?? null
  }

  /** Adds to what was agreed to before; what was agreed to stays. */
  async function give(
    tx: Connection,
    consent: { userId: string; clientId: string; scopes: string[] },
    origin: RequestOrigin
  ): Promise<void> {
    const { userId, clientId, scopes } = consent
    await tx.query(GIVE, [userId, clientId, scopes])
    const details = { scope: scopes.join(' ') }
    await record(tx, { type: 'consent.given', origin, userId, clientId, details })
  }

  async function list(userId: string): Promise<ConsentEntry[]> {
    const rows = await postgres.read((db) =>
      db.consent.findMany({
        where: { userId },
        include: { client: true },
        orderBy: { createdAt: 'desc' }
      })
    )
    return rows.map(({ clientId, client, scopes, createdAt }) => ({
      clientId,
      name: client.name,
      scopes,
      since: createdAt
    }))
  }

  /**
   * Takes a consent back and ends what the client has of this person, with a consent or without (one that
   * is our own). May be repeated.
   * @returns what to announce
   */
  async function revoke(
    userId: string,
    clientId: string,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    return postgres.transaction(async (tx) => {
      const { count } = await tx.consent.deleteMany({ where: { userId, clientId } })
      if (count > 0) await record(tx, { type: 'consent.revoked', origin, userId, clientId })
      return endSessions(tx, { userId, clientId }, 'consent_revoked', { origin })
    })
  }

  return { findScopes, give, list, revoke }
}

const GIVE = {
  name: 'consent_give',
  text: `
    INSERT INTO consent (user_id, client_id, scopes, created_at, updated_at)
    VALUES ($1, $2, $3, latchkey_now(), latchkey_now())
    ON CONFLICT (user_id, client_id) DO UPDATE
       SET scopes = ARRAY(SELECT DISTINCT unnest(consent.scopes || excluded.scopes) ORDER BY 1),
           updated_at = excluded.updated_at`
}

const FIND_SCOPES = {
  name: 'consent_find_scopes',
  text: 'SELECT scopes FROM consent WHERE user_id = $1::uuid AND client_id = $2'
}
