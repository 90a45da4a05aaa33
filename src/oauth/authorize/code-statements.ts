import { sealedKeyOf } from '../../audit/event-row.ts'
import { grantStatement } from '../../sessions/begin-grant.ts'
import { isAsKnown, isValidSecret } from '../client-store.ts'
import { isAliveOf } from '../reuse-store.ts'

export const CODE_SECONDS = 60

export const INSERT = {
  name: 'authorization_code_insert',
  text: `
    INSERT INTO authorization_code
           (code_hash, client_id, user_id, parent_id, redirect_uri, scope, audience, claims, nonce,
            code_challenge, dpop_jkt, auth_time, amr, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, latchkey_now(),
            latchkey_now() + interval '${CODE_SECONDS} seconds')
    RETURNING ${sealedKeyOf('$3')} AS "sealedKey"`
}

/** What never changes of a code; whether it may still be spent is for the statement that spends it. */
export const FIND = {
  name: 'authorization_code_find',
  text: `
    SELECT client_id AS "clientId", user_id AS "userId", parent_id AS "parentId",
           redirect_uri AS "redirectUri", scope, audience, claims, nonce,
           code_challenge AS "codeChallenge", dpop_jkt AS "dpopJkt", auth_time AS "authTime", amr,
           ${sealedKeyOf('authorization_code.user_id')} AS "sealedKey"
      FROM authorization_code WHERE code_hash = $1`
}

export const FIND_SPENT = {
  name: 'authorization_code_find_spent',
  text: `
    SELECT user_id AS "userId", client_id AS "clientId", session_id AS "sessionId",
           ${isAliveOf('session_id')} AS "isAlive"
      FROM authorization_code
     WHERE code_hash = $1 AND spent_at IS NOT NULL AND session_id IS NOT NULL`
}

/**
 * @param agreed whether its client is let in without asking; a consent is held until all is done
 * @param condition what has to be true besides
 */
const spend = (agreed: string, condition = 'TRUE') => `
  UPDATE authorization_code code SET spent_at = latchkey_now(), session_id = $3::uuid
   WHERE ${condition} AND code_hash = $1 AND client_id = $2 AND spent_at IS NULL AND expires_at > latchkey_now()
     AND (${agreed}
          OR EXISTS (SELECT 1 FROM consent c
                      WHERE c.user_id = code.user_id AND c.client_id = code.client_id FOR SHARE))
  RETURNING user_id, parent_id, scope, audience, claims, auth_time, amr`

const SPEND = spend('(SELECT is_first_party FROM client WHERE id = $2)')
export const BURN = { name: 'authorization_code_burn', text: SPEND }
export const REDEEM = grantStatement('authorization_code_redeem', SPEND)
export const REDEEM_QUICKLY = grantStatement(
  'authorization_code_redeem_quick',
  spend('$12::boolean', `${isAsKnown('$2', '$11')} AND ${isValidSecret('$2', '$13')}`)
)
