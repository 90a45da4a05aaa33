-- The audit trail becomes a table of months, in five steps. What is there becomes its first partition, as it lies,
-- and only the last step holds anybody up, for milliseconds. Here: that partition gets an end, a month or two
-- ahead, which new rows are held to. A lock that somebody keeps for long is not waited for: then migrate again.
SET LOCAL lock_timeout = '5s';

-- The smallest id of a time: ids are UUIDv7 (RFC 9562 §5.7).
CREATE FUNCTION audit_first_id(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT rpad(lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- The first moment of a month, which is a month of UTC.
CREATE FUNCTION audit_month(at timestamptz, months_later int) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (date_trunc('month', at AT TIME ZONE 'UTC') + make_interval(months => months_later)) AT TIME ZONE 'UTC'
$$;

DO $$
DECLARE
  boundary uuid := audit_first_id(audit_month(now(), 2));
BEGIN
  -- An id from the far future was put there by hand: then the last step moves it and checks the others.
  IF NOT EXISTS (SELECT FROM audit_event WHERE id >= boundary) THEN
    EXECUTE format('ALTER TABLE audit_event ADD CONSTRAINT audit_event_boundary CHECK (id < %L) NOT VALID', boundary);
  END IF;
END
$$;
