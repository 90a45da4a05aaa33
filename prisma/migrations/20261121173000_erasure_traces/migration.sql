-- Whose a message is, where that is known: erasing them takes it along. The version before leaves it empty.
ALTER TABLE outbox_message ADD COLUMN user_id uuid;

-- For which address a username is reserved, as a keyed hash, and until when: whatever becomes of its holder. The
-- version before leaves both empty.
ALTER TABLE username ADD COLUMN address_tag bytea, ADD COLUMN reserved_until timestamptz(3);
