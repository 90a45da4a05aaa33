import type { AddressIndex } from '../platform/keys/address-index.ts'
import type { Statement } from '../platform/postgres.ts'
import { byAddress } from './address-statement.ts'

const replaceFor = (owner: 'registration_id' | 'user_id'): Statement => ({
  name: `mail_token_replace_for_${owner}`,
  text: `
    WITH older AS (
      UPDATE one_time_token SET spent_at = $8
       WHERE ${owner} = $10::uuid AND purpose = $2::token_purpose AND spent_at IS NULL)
    INSERT INTO one_time_token (id, purpose, token_hash, code_hash, email_index, email_index_next,
                                email_sealed, created_at, expires_at, ${owner})
    VALUES ($1::uuid, $2::token_purpose, $3, $4, $5, $6, $7, $8, $9, $10::uuid)`
})

/** Kills its owner's older tokens for the purpose, and writes the new one. */
export const REPLACE = {
  registration: replaceFor('registration_id'),
  user: replaceFor('user_id')
}

export const KILL_PENDING: Statement = {
  name: 'mail_token_kill_pending',
  text: `
    UPDATE one_time_token SET spent_at = $2
     WHERE user_id = $1::uuid AND spent_at IS NULL AND purpose IN ('reset_password', 'change_email')`
}

/** What is asked about a token that somebody shows. */
type Verb = 'find address' | 'find owner' | 'hold owner' | 'consume'

/** $1 is the purpose; `shown` says which token it is, by $2 and $3. */
const texts: Record<Verb, (shown: string) => string> = {
  'find address': (shown) => `
    SELECT email_index AS "emailIndex", email_index_next AS "emailIndexNext" FROM one_time_token
     WHERE purpose = $1::token_purpose AND ${shown} LIMIT 1`,
  'find owner': (shown) => `
    SELECT user_id AS "userId" FROM one_time_token
     WHERE purpose = $1::token_purpose AND spent_at IS NULL AND expires_at > latchkey_now()
       AND ${shown} LIMIT 1`,
  'hold owner': (shown) => `
    SELECT id FROM users
     WHERE id = (SELECT user_id FROM one_time_token
                  WHERE purpose = $1::token_purpose AND spent_at IS NULL AND ${shown} LIMIT 1)
       FOR UPDATE`,
  consume: (shown) => `
    UPDATE one_time_token SET spent_at = latchkey_now()
     WHERE purpose = $1::token_purpose AND spent_at IS NULL AND expires_at > latchkey_now() AND ${shown}
    RETURNING id, registration_id AS "registrationId", user_id AS "userId",
              email_index AS "emailIndex", email_index_next AS "emailIndexNext",
              email_sealed AS "emailSealed"`
}

const statementsOf = (verb: Verb) => {
  const name = `mail_token_${verb.replace(' ', '_')}`
  return {
    byToken: { name: `${name}_by_token`, text: texts[verb]('token_hash = $2') },
    byCode: byAddress(`${name}_by_code`, (column) =>
      texts[verb](`${column} = $2 AND code_hash = ANY($3::bytea[])`)
    )
  }
}

const STATEMENTS: Record<Verb, ReturnType<typeof statementsOf>> = {
  'find address': statementsOf('find address'),
  'find owner': statementsOf('find owner'),
  'hold owner': statementsOf('hold owner'),
  consume: statementsOf('consume')
}

/** @param emailIndex of the address that a code is typed beside; null for a token */
export function shownToken(verb: Verb, emailIndex: AddressIndex | null): Statement {
  const { byToken, byCode } = STATEMENTS[verb]
  return emailIndex === null ? byToken : byCode(emailIndex)
}
