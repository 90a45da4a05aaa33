-- How many passwords are still hashed as another system did: few or none of many million rows, found
-- without looking at the others.
CREATE INDEX users_foreign_hash_idx ON users (id) WHERE password_hash NOT LIKE '$argon2id$%';
