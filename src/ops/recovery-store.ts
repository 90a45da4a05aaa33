import type { Audit } from '../audit/record.ts'
import type { Postgres, Statement } from '../platform/postgres.ts'

export type Recovered = { sessions: number; mailTokens: number; mails: number; codes: number }

export type RecoveryStoreDeps = { postgres: Postgres; record: Audit }

/** A statement must end within the pool's timeouts, however many rows there are. */
const BATCH_ROWS = 5_000

const inBatches = (table: string, set: string, live: string) => ({
  name: `recover_${table}`,
  text: `UPDATE ${table} SET ${set}
          WHERE id IN (SELECT id FROM ${table} WHERE ${live} LIMIT ${BATCH_ROWS}) RETURNING id`
})

const END_SESSIONS = inBatches(
  'session',
  `revoked_at = latchkey_now(), revoke_reason = 'recovery'`,
  'revoked_at IS NULL'
)
const SPEND_TOKENS = inBatches('one_time_token', 'spent_at = latchkey_now()', 'spent_at IS NULL')
const DROP_MAILS = inBatches(
  'outbox_message',
  `parked_at = latchkey_now(), payload_sealed = NULL, last_error = 'recovery'`,
  'sent_at IS NULL AND parked_at IS NULL'
)

/** Codes and waiting requests of OAuth clients: spent ones may be unspent again in the backup. */
const CODE_TABLES = {
  authorization_code: 'code_hash',
  authorization_request: 'id_hash',
  device_authorization: 'device_code_hash'
}
const SPEND_CODES = Object.entries(CODE_TABLES).map(([table, key]) => ({
  name: `recover_${table}`,
  text: `UPDATE ${table} SET spent_at = latchkey_now()
          WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE spent_at IS NULL LIMIT ${BATCH_ROWS})
         RETURNING ${key}`
}))

export function createRecoveryStore({ postgres, record }: RecoveryStoreDeps) {
  /**
   * Ends what a restored backup cannot vouch for: sessions that may have been ended since, mail tokens
   * that may have been spent, mails that may have been sent. May be repeated, also after a fault.
   */
  async function endEverything(): Promise<Recovered> {
    const counts = {
      sessions: await repeat(END_SESSIONS),
      mailTokens: await repeat(SPEND_TOKENS),
      mails: await repeat(DROP_MAILS),
      codes: await sum(SPEND_CODES)
    }
    await postgres.transaction((tx) => record(tx, { type: 'recovery.completed', details: counts }))
    return counts
  }

  async function sum(statements: Statement[]): Promise<number> {
    let total = 0
    for (const statement of statements) total += await repeat(statement)
    return total
  }

  async function repeat(statement: Statement): Promise<number> {
    let total = 0
    for (;;) {
      const { length } = await postgres.query(statement, [])
      total += length
      if (length < BATCH_ROWS) return total
    }
  }

  return { endEverything }
}
