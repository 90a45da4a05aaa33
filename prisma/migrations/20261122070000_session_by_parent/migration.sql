-- Most sessions were made from no other. They need no place in this index, and nobody looks for them by it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS session_made_from_idx ON session (parent_id) WHERE parent_id IS NOT NULL;
