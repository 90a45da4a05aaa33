import { sealedKeyOf } from '../../audit/event-row.ts'
import { randomToken, sha256 } from '../../lib/secrets.ts'
import type { Postgres } from '../../platform/postgres.ts'
import type { BrowserClaim } from '../../sessions/browser-cookie.ts'
import { isStale, liveLogin } from '../../sessions/live-login.ts'
import { isAsKnown } from '../client-store.ts'
import type { KeptCode, NewCode } from './code.ts'
import { CODE_SECONDS } from './code-statements.ts'
import type { FreshCodes } from './fresh-codes.ts'

/** A code as far as it is known before its login is. */
export type AskedCode = Omit<NewCode, 'userId' | 'parentId' | 'authTime' | 'amr' | 'claims'>

export type QuickCode = { value: string; userId: string }

export type QuickCodeStore = ReturnType<typeof createQuickCodeStore>

export type QuickCodeStoreDeps = { postgres: Postgres; freshCodes: FreshCodes<KeptCode> }

/** Finds login, client and consent and makes the code, in one statement. */
export function createQuickCodeStore({ postgres, freshCodes }: QuickCodeStoreDeps) {
  /**
   * @param version of the client, as `asked` was made by it
   * @param consentScopes what has to be agreed to; null where nobody is asked
   * @returns null where any of them is not as it has to be, or the login's use is to be written down: nothing
   *   was done
   */
  async function create(
    { sessionId, secret }: BrowserClaim,
    asked: AskedCode,
    version: string,
    consentScopes: string[] | null
  ): Promise<QuickCode | null> {
    const value = randomToken()
    const hash = sha256(value)
    const [row] = await postgres.query<Written>(INSERT, [
      hash,
      asked.clientId,
      version,
      sessionId,
      sha256(secret),
      consentScopes,
      asked.redirectUri,
      asked.scope,
      asked.audience,
      asked.nonce,
      asked.codeChallenge,
      asked.dpopJkt
    ])
    if (row === undefined) return null
    freshCodes.keep(hash, { ...asked, ...row, parentId: sessionId, claims: null })
    return { value, userId: row.userId }
  }

  return { create }
}

type Written = Pick<KeptCode, 'userId' | 'authTime' | 'amr' | 'sealedKey'>

const INSERT = {
  name: 'authorization_code_insert_quick',
  text: `
    INSERT INTO authorization_code
           (code_hash, client_id, user_id, parent_id, redirect_uri, scope, audience, nonce, code_challenge,
            dpop_jkt, auth_time, amr, created_at, expires_at)
    SELECT $1::bytea, $2::text, s.user_id, s.id, $7::text, $8::text, $9::text[], $10::text, $11::text,
           $12::text, s.auth_time, s.amr, latchkey_now(),
           latchkey_now() + interval '${CODE_SECONDS} seconds'
      FROM ${liveLogin('$4', '$5')} AND NOT (${isStale('s')}) AND ${isAsKnown('$2', '$3')}
       AND ($6::text[] IS NULL
            OR EXISTS (SELECT FROM consent c
                        WHERE c.user_id = s.user_id AND c.client_id = $2 AND c.scopes @> $6::text[]))
    RETURNING user_id AS "userId", auth_time AS "authTime", amr,
              ${sealedKeyOf('authorization_code.user_id')} AS "sealedKey"`
}
