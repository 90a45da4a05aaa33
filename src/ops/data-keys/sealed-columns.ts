import type { KeyPurpose } from '../../platform/keys/data-keys.ts'

/** A column whose values a data key has sealed; the id of the key stands in front of each. */
export type SealedColumn = {
  table: string
  column: string
  purpose: KeyPurpose
  /** The primary key, which also says the row in the place that a value is sealed for. */
  key: string
  keyType: 'uuid' | 'bytea' | 'text'
  /** Why its values stay under the key that made them. */
  keeps?: string
}

/**
 * Every sealed column there is; a test holds the list against the database. Beside them stand
 * `data_key.sealed_key` and `data_key.previous_sealed_key`, which the key-encryption key seals.
 */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'signing_key',
    column: 'sealed_private',
    purpose: 'signing',
    key: 'kid',
    keyType: 'text'
  },
  ...byId('registration', 'email_sealed', 'phone_sealed'),
  ...byId('one_time_token', 'email_sealed'),
  {
    table: 'reserved_email',
    column: 'email_sealed',
    purpose: 'sealing',
    key: 'email_index',
    keyType: 'bytea'
  },
  {
    table: 'authorization_request',
    column: 'parameters_sealed',
    purpose: 'sealing',
    key: 'id_hash',
    keyType: 'bytea'
  },
  ...byId('outbox_message', 'payload_sealed'),
  ...byId('webhook_endpoint', 'url_sealed', 'secret_sealed', 'previous_secret_sealed'),
  ...byId('users', 'email_sealed', 'phone_sealed'),
  ...byId('session', 'address_sealed'),
  { table: 'audit_key', column: 'sealed_key', purpose: 'audit', key: 'user_id', keyType: 'uuid' },
  {
    table: 'audit_event',
    column: 'address_sealed',
    purpose: 'audit',
    key: 'id',
    keyType: 'uuid',
    keeps: 'the trail is never rewritten, and its seals vouch for these bytes'
  }
]

function byId(table: string, ...columns: string[]): SealedColumn[] {
  return columns.map((column) => ({
    table,
    column,
    purpose: 'sealing',
    key: 'id',
    keyType: 'uuid'
  }))
}
