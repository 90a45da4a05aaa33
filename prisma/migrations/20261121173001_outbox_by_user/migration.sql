-- An erasure finds the messages of its person.
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_message_user_id_idx ON outbox_message (user_id) WHERE user_id IS NOT NULL;
