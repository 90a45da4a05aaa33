-- What was sent or parked long ago is deleted without reading what was not.
CREATE INDEX CONCURRENTLY IF NOT EXISTS webhook_delivery_done_idx ON webhook_delivery ((coalesce(sent_at, parked_at)));
