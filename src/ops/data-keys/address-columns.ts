/** A table that holds addresses by their blind index, and where the address itself lies sealed. */
export type AddressTable = {
  table: string
  key: string
  keyType: 'uuid' | 'bytea'
  hasPhone: boolean
  /** SQL of the sealed address, of the table that it is sealed in, and of the row there. */
  sealed: string
  sealedIn: string
  sealedRow: string
  joins: string
}

/** In the order in which one row is copied into the next: what a copy was made of is right before it. */
export const ADDRESS_TABLES: readonly AddressTable[] = [
  {
    table: 'registration',
    key: 'id',
    keyType: 'uuid',
    hasPhone: true,
    sealed: 't.email_sealed',
    sealedIn: `'registration'`,
    sealedRow: 't.id::text',
    joins: ''
  },
  {
    table: 'one_time_token',
    key: 'id',
    keyType: 'uuid',
    hasPhone: false,
    // The address that it leads to, or else its owner's.
    sealed: 'COALESCE(t.email_sealed, r.email_sealed, u.email_sealed)',
    sealedIn: `CASE WHEN t.email_sealed IS NOT NULL THEN 'one_time_token'
                    WHEN r.id IS NOT NULL THEN 'registration' ELSE 'users' END`,
    sealedRow: 'COALESCE(CASE WHEN t.email_sealed IS NOT NULL THEN t.id END, r.id, u.id)::text',
    joins: `LEFT JOIN registration r ON r.id = t.registration_id
            LEFT JOIN users u ON u.id = t.user_id`
  },
  {
    table: 'reserved_email',
    key: 'email_index',
    keyType: 'bytea',
    hasPhone: false,
    sealed: 't.email_sealed',
    sealedIn: `'reserved_email'`,
    sealedRow: `encode(t.email_index, 'hex')`,
    joins: ''
  },
  {
    table: 'users',
    key: 'id',
    keyType: 'uuid',
    hasPhone: true,
    sealed: 't.email_sealed',
    sealedIn: `'users'`,
    sealedRow: 't.id::text',
    joins: ''
  }
]

/**
 * What is done to a row: the new key fills the second column, or leads, which is to stand in the first one
 * too. Every server writes both columns, alike outside a rotation, so the columns tell what is left.
 */
export type AddressStep = 'fill' | 'lead'

/** The rows that a step has still to come to, in SQL. */
export const LEFT_BY: Record<AddressStep, string> = {
  fill: '(t.email_index_next IS NULL OR t.email_index_next = t.email_index)',
  lead: 't.email_index <> t.email_index_next'
}
