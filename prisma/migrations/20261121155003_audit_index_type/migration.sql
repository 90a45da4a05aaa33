-- The same for a type: one that was common years ago is not looked for through everything since.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_event_before_type_id_idx ON audit_event (type, id);
