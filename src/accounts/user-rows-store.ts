import type { Transaction } from '../platform/postgres.ts'

/** A row of `users`, as JSON takes it: bytes are hex. */
export type UserColumns = {
  id: string
  email_index: string
  email_index_next: string | null
  email_sealed: string
  email_verified_at: Date | null
  phone_index: string | null
  phone_sealed: string | null
  username: string | null
  password_hash: string | null
  name: string | null
  surname: string | null
  locale: string | null
  roles: string[]
  created_at: Date
}

/**
 * One parameter for all rows: with one for each column of each, the statement itself is what costs.
 * @returns whether none of them was there
 */
export async function insertUsers(tx: Transaction, rows: UserColumns[]): Promise<boolean> {
  const inserted = await tx.$executeRaw`
    INSERT INTO users (id, email_index, email_index_next, email_sealed, email_verified_at, phone_index,
                       phone_sealed, username, password_hash, name, surname, locale, roles, created_at, updated_at)
    SELECT id, decode(email_index, 'hex'), decode(email_index_next, 'hex'),
           decode(email_sealed, 'hex'), email_verified_at,
           decode(phone_index, 'hex'), decode(phone_sealed, 'hex'),
           username, password_hash, name, surname, locale, roles, created_at, created_at
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        AS person (id uuid, email_index text, email_index_next text, email_sealed text,
                   email_verified_at timestamptz,
                   phone_index text, phone_sealed text, username text, password_hash text,
                   name text, surname text, locale text, roles text[], created_at timestamptz)
    ON CONFLICT DO NOTHING`
  return inserted === rows.length
}
