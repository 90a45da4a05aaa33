-- The last step: names and catalogue change, rows stay where they are. The version before goes on beside it: to
-- whoever reads or writes audit_event it looks the same.
SET LOCAL lock_timeout = '5s';
LOCK TABLE audit_event IN ACCESS EXCLUSIVE MODE;

DO $$
DECLARE
  broken regclass;
BEGIN
  SELECT indexrelid::regclass INTO broken FROM pg_index WHERE indrelid = 'audit_event'::regclass AND NOT indisvalid;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'the index % was not completed: run REINDEX INDEX CONCURRENTLY %, then migrate again', broken, broken;
  END IF;
END
$$;

ALTER TABLE audit_event RENAME TO audit_event_before;
ALTER INDEX audit_event_pkey RENAME TO audit_event_before_pkey;
-- These two belong to the version before and go on with the old rows alone; new months do without.
ALTER INDEX audit_event_user_id_at_idx RENAME TO audit_event_before_user_id_at_idx;
ALTER INDEX audit_event_type_at_idx RENAME TO audit_event_before_type_at_idx;
ALTER INDEX audit_event_at_idx RENAME TO audit_event_before_at_idx;

CREATE TABLE audit_event (LIKE audit_event_before INCLUDING DEFAULTS) PARTITION BY RANGE (id);
ALTER TABLE audit_event ADD CONSTRAINT audit_event_pkey PRIMARY KEY (id);
CREATE INDEX audit_event_user_id_id_idx ON audit_event (user_id, id);
CREATE INDEX audit_event_type_id_idx ON audit_event (type, id);

-- A trigger on a statement belongs to the table that the statement names: each partition has its own.
CREATE FUNCTION guard_audit_table(guarded regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    'CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
       FOR EACH STATEMENT EXECUTE FUNCTION audit_event_is_append_only()', guarded);
  EXECUTE format(
    'CREATE TRIGGER audit_event_webhooks AFTER INSERT ON %s REFERENCING NEW TABLE AS written
       FOR EACH STATEMENT EXECUTE FUNCTION webhook_fan_out()', guarded);
END
$$;

-- What no month takes lands here: writing an event never fails for want of a partition.
CREATE TABLE audit_event_default (LIKE audit_event INCLUDING ALL);

DO $$
DECLARE
  boundary uuid;
  is_held boolean;
BEGIN
  SELECT substring(pg_get_constraintdef(oid) FROM '''([0-9a-f-]{36})''')::uuid, convalidated INTO boundary, is_held
    FROM pg_constraint WHERE conrelid = 'audit_event_before'::regclass AND conname = 'audit_event_boundary';
  IF NOT EXISTS (SELECT FROM audit_event_before) THEN
    DROP TABLE audit_event_before;
  ELSE
    IF is_held IS NULL THEN
      boundary := audit_first_id(audit_month(now(), 2));
      ALTER TABLE audit_event_before DISABLE TRIGGER audit_event_append_only;
      INSERT INTO audit_event_default SELECT * FROM audit_event_before WHERE id >= boundary;
      DELETE FROM audit_event_before WHERE id >= boundary;
      ALTER TABLE audit_event_before ENABLE TRIGGER audit_event_append_only;
    END IF;
    EXECUTE format('ALTER TABLE audit_event ATTACH PARTITION audit_event_before FOR VALUES FROM (MINVALUE) TO (%L)', boundary);
    ALTER TABLE audit_event_before DROP CONSTRAINT IF EXISTS audit_event_boundary;
  END IF;
  PERFORM guard_audit_table('audit_event');
  PERFORM guard_audit_table('audit_event_default');
END
$$;
ALTER TABLE audit_event ATTACH PARTITION audit_event_default DEFAULT;

-- Where the months end that have a partition; null before the first.
CREATE FUNCTION audit_partitions_end() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT max(substring(pg_get_expr(relpartbound, oid) FROM 'TO \(''([0-9a-f-]{36})''\)'))::uuid
    FROM pg_class WHERE relispartition AND oid IN
         (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_event'::regclass)
$$;

-- Makes the partition of one month. Gives its name; null where a month has one, or has events in the default
-- partition, which stay there. Of what is in use it locks the default partition alone, so briefly that nobody
-- notices; where somebody keeps that one for a second, this fails and is tried again.
CREATE FUNCTION make_audit_partition(at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  name text := 'audit_event_' || to_char(audit_month(at, 0) AT TIME ZONE 'UTC', 'YYYY_MM');
  first_id uuid := audit_first_id(audit_month(at, 0));
  end_id uuid := audit_first_id(audit_month(at, 1));
BEGIN
  IF to_regclass(name) IS NOT NULL
    OR EXISTS (SELECT FROM audit_event_default WHERE id >= first_id AND id < end_id) THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('lock_timeout', '1s', true);
  EXECUTE format('CREATE TABLE %I (LIKE audit_event INCLUDING ALL)', name);
  PERFORM guard_audit_table(name::regclass);
  EXECUTE format('ALTER TABLE audit_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first_id, end_id);
  RETURN name;
END
$$;

-- Those of this month and of so many ahead, as far as none reaches there yet; gives the names of what it made.
CREATE FUNCTION make_audit_partitions(months_ahead int) RETURNS text[] LANGUAGE sql AS $$
  SELECT coalesce(array_agg(name) FILTER (WHERE name IS NOT NULL), '{}')
    FROM (SELECT make_audit_partition(audit_month(latchkey_now(), ahead)) AS name
            FROM generate_series(0, months_ahead) AS ahead
           WHERE audit_partitions_end() IS NULL
              OR audit_partitions_end() <= audit_first_id(audit_month(latchkey_now(), ahead))) AS made
$$;
SELECT make_audit_partitions(2);
