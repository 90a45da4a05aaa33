-- Reads the whole table, and nobody who reads or writes it waits: so the last step need not.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'audit_event'::regclass AND conname = 'audit_event_boundary') THEN
    ALTER TABLE audit_event VALIDATE CONSTRAINT audit_event_boundary;
  END IF;
END
$$;
