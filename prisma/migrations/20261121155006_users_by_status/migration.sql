-- The same for who is disabled, the newest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_status_id_idx ON users (status, id);
