-- Pages of the trail go by id: a person's newest events are read in their order, however many there are.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_event_before_user_id_id_idx ON audit_event (user_id, id);
