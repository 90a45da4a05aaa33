-- AlterTable
ALTER TABLE "audit_event" ADD COLUMN     "actor_id" UUID;

-- CreateTable
CREATE TABLE "audit_key" (
    "user_id" UUID NOT NULL,
    "sealed_key" BYTEA,
    "destroyed_at" TIMESTAMPTZ(3),

    CONSTRAINT "audit_key_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "audit_seal" (
    "number" INTEGER NOT NULL,
    "sealed_at" TIMESTAMPTZ(3) NOT NULL,
    "complete_to" TIMESTAMPTZ(3) NOT NULL,
    "count" INTEGER NOT NULL,
    "key_id" CHAR(8) NOT NULL,
    "previous_hash" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_seal_pkey" PRIMARY KEY ("number")
);

-- CreateTable
CREATE TABLE "audit_sealed_event" (
    "event_id" UUID NOT NULL,
    "seal" INTEGER NOT NULL,
    "digest" BYTEA NOT NULL,

    CONSTRAINT "audit_sealed_event_pkey" PRIMARY KEY ("event_id")
);

-- CreateIndex
CREATE INDEX "audit_seal_sealed_at_idx" ON "audit_seal"("sealed_at");

-- CreateIndex
CREATE INDEX "audit_sealed_event_seal_idx" ON "audit_sealed_event"("seal");

-- What schema.prisma cannot say, by hand from here on

-- The chain is as little rewritten as what it covers.
CREATE FUNCTION is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
  FOR EACH STATEMENT EXECUTE FUNCTION is_append_only();
CREATE TRIGGER audit_sealed_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_sealed_event
  FOR EACH STATEMENT EXECUTE FUNCTION is_append_only();

-- Whoever erases a person destroys their key with the same statement: a server of the version before,
-- which runs beside this one during an upgrade, does it too.
CREATE FUNCTION destroy_audit_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_key (user_id, destroyed_at) VALUES (OLD.id, latchkey_now())
  ON CONFLICT (user_id) DO UPDATE SET sealed_key = NULL, destroyed_at = excluded.destroyed_at;
  RETURN NULL;
END
$$;
CREATE TRIGGER users_destroy_audit_key AFTER DELETE ON users
  FOR EACH ROW EXECUTE FUNCTION destroy_audit_key();

-- Those who were erased before there were such keys: their addresses are shown no more either.
INSERT INTO audit_key (user_id, destroyed_at)
SELECT user_id, max(at) FROM audit_event
 WHERE type = 'account.erased' AND user_id IS NOT NULL GROUP BY user_id;
