import type { RevocationKind } from '../platform/prisma/enums.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { TokenIdentity } from './token-identity.ts'

export type RevocationStore = ReturnType<typeof createRevocationStore>

/** One reason to refuse tokens: `kind` says what `subject` is the id of. */
export type RevocationEntry = { kind: RevocationKind; subject: string; revokedAt: Date }

/** Everything revoked since a moment. Ended sessions say so themselves; the rest has rows of its own. */
const SINCE = {
  name: 'revocations_since',
  text: `
    SELECT 'session' AS kind, id::text AS subject, revoked_at AS "revokedAt" FROM session
     WHERE revoked_at > latchkey_now() - make_interval(secs => $1)
    UNION ALL
    SELECT kind::text, subject, revoked_at FROM revocation
     WHERE revoked_at > latchkey_now() - make_interval(secs => $1)`
}

/** The same question about one token, for when the feed is not fresh enough to say "no". */
const IS_REVOKED = {
  name: 'revocation_of_token',
  text: `
    SELECT ($1::uuid IS NOT NULL
            AND NOT EXISTS (SELECT FROM session WHERE id = $1::uuid AND revoked_at IS NULL))
        OR EXISTS (SELECT FROM revocation
                    WHERE (kind = 'jti' AND subject = $2)
                       OR (kind = 'client' AND subject = $3 AND revoked_at >= to_timestamp($5))
                       OR (kind = 'user' AND subject = $4 AND revoked_at >= to_timestamp($5))
                  ) AS revoked`
}

export function createRevocationStore(postgres: Postgres) {
  /** @param seconds how far back to look */
  async function findSince(seconds: number): Promise<RevocationEntry[]> {
    return postgres.query<RevocationEntry>(SINCE, [seconds])
  }

  async function isRevoked({ sid, jti, client_id, sub, iat }: TokenIdentity): Promise<boolean> {
    const rows = await postgres.query<{ revoked: boolean }>(IS_REVOKED, [
      sid ?? null,
      jti,
      client_id,
      sub,
      iat
    ])
    return rows[0]?.revoked ?? true
  }

  return { findSince, isRevoked }
}
