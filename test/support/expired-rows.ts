/** What an INSERT of each purged table fills in beside the column that its end is judged by. */
const COLUMNS: Record<string, string> = {
  registration: `id, email_index, email_sealed, password_hash, created_at, expires_at)
    SELECT gen_random_uuid(), uuid_send(gen_random_uuid()), '', '', $1, $1`,
  username: `username, holder_id, expires_at) SELECT gen_random_uuid(), gen_random_uuid(), $1`,
  one_time_token: `id, purpose, token_hash, email_index, created_at, expires_at)
    SELECT gen_random_uuid(), 'reset_password', uuid_send(gen_random_uuid()), '', $1, $1`,
  attempt_counter: `key, count, window_ends_at) SELECT uuid_send(gen_random_uuid()), 5, $1`,
  guess_lane: `key, failures, updated_at) SELECT uuid_send(gen_random_uuid()), 5, $1`,
  known_device: `id, user_id, nonce_hash, created_at, expires_at)
    SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), uuid_send(gen_random_uuid()), $1, $1`,
  reserved_email: `email_index, email_sealed, user_id, expires_at)
    SELECT uuid_send(gen_random_uuid()), '', (SELECT id FROM users LIMIT 1), $1`,
  session: `id, user_id, client_id, secret_hash, rotated_at, last_used_at, created_at, expires_at,
            idle_expires_at, scope, auth_time)
    SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), 'latchkey', '', $1, $1, $1, $1, $1, '', $1`,
  revocation: `id, kind, subject, revoked_at) SELECT gen_random_uuid(), 'jti', 'x', $1`,
  authorization_request: `id_hash, client_id, is_pushed, parameters_sealed, created_at, expires_at)
    SELECT uuid_send(gen_random_uuid()), 'shop', false, '', $1, $1`,
  authorization_code: `code_hash, client_id, user_id, parent_id, redirect_uri, scope, auth_time, created_at, expires_at)
    SELECT uuid_send(gen_random_uuid()), 'shop', (SELECT id FROM users LIMIT 1), gen_random_uuid(), '', '', $1, $1, $1`,
  device_authorization: `device_code_hash, user_code_hash, client_id, scope, interval_seconds, created_at, expires_at)
    SELECT uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()), 'shop', '', 5, $1, $1`,
  spent_device: `device_code_hash, user_code_hash, client_id, scope, interval_seconds, created_at, expires_at, spent_at)
    SELECT uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()), 'shop', '', 5, $1, $1, $1`,
  spent_jti: `hash, expires_at) SELECT uuid_send(gen_random_uuid()), $1`,
  outbox_message: `id, kind, created_at, next_attempt_at, expires_at, sent_at)
    SELECT gen_random_uuid(), 'mail', $1, $1, $1, $1`
}

/** The statement that puts `rows` rows into a table, which end at `$1`; `kind` where it has rows of two kinds. */
export function insertEnding(table: string, rows: number, kind = table): string {
  const columns = COLUMNS[kind]
  if (columns === undefined) throw new Error(`How is a row of ${table} made?`)
  return `INSERT INTO ${table} (${columns.replaceAll('$1', '$1::timestamptz')} FROM generate_series(1, ${rows})`
}
