-- The one of all sessions goes. The version before asks for a parent by its id, which the new one answers as well.
SET LOCAL lock_timeout = '5s';

DO $$
BEGIN
  IF NOT (SELECT indisvalid FROM pg_index WHERE indexrelid = 'session_made_from_idx'::regclass) THEN
    RAISE EXCEPTION 'the index session_made_from_idx was not completed: run REINDEX INDEX CONCURRENTLY session_made_from_idx, then migrate again';
  END IF;
END
$$;

DROP INDEX session_parent_id_idx;
