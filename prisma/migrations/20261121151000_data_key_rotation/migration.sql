-- AlterTable
ALTER TABLE "data_key" ADD COLUMN     "leads_at" TIMESTAMPTZ(3),
ADD COLUMN     "previous_kek_id" CHAR(8),
ADD COLUMN     "previous_sealed_key" BYTEA,
ADD COLUMN     "reads_at" TIMESTAMPTZ(3),
ADD COLUMN     "settled_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "one_time_token" ADD COLUMN     "email_index_next" BYTEA;

-- AlterTable
ALTER TABLE "registration" ADD COLUMN     "email_index_next" BYTEA;

-- AlterTable
ALTER TABLE "reserved_email" ADD COLUMN     "email_index_next" BYTEA;

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "email_index_next" BYTEA;

-- CreateTable
CREATE TABLE "retired_data_key" (
    "id" CHAR(8) NOT NULL,
    "purpose" TEXT NOT NULL,
    "retired_at" TIMESTAMPTZ(3) NOT NULL,
    "destroyed_at" TIMESTAMPTZ(3),

    CONSTRAINT "retired_data_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "work_lease" (
    "work" TEXT NOT NULL,
    "holder" UUID NOT NULL,
    "held_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "work_lease_pkey" PRIMARY KEY ("work")
);

-- CreateIndex
CREATE INDEX "one_time_token_email_index_next_purpose_idx" ON "one_time_token"("email_index_next", "purpose");

-- CreateIndex
CREATE INDEX "registration_email_index_next_idx" ON "registration"("email_index_next");

-- CreateIndex
CREATE UNIQUE INDEX "reserved_email_email_index_next_key" ON "reserved_email"("email_index_next");

-- CreateIndex
CREATE UNIQUE INDEX "users_email_index_next_key" ON "users"("email_index_next");

-- What schema.prisma cannot say, by hand from here on

-- A server that was frozen, or cut off, may still write with a key that was retired meanwhile; once the key is
-- destroyed nobody could open that. So a retired key seals nothing any more, whoever asks: the transaction fails
-- like one that has to be repeated. A sealed value begins with a version byte and the four bytes of its key's id.
CREATE FUNCTION is_sealed_by_retired_key(sealed bytea) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM retired_data_key WHERE id = encode(substring(sealed FROM 2 FOR 4), 'hex'));
END
$$;
CREATE FUNCTION refuse_retired_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the data key of a value for % is retired', TG_TABLE_NAME USING ERRCODE = '40001';
END
$$;

DO $$
DECLARE
  sealed record;
BEGIN
  FOR sealed IN
    SELECT * FROM (VALUES
      ('users', 'email_sealed'), ('users', 'phone_sealed'),
      ('registration', 'email_sealed'), ('registration', 'phone_sealed'),
      ('one_time_token', 'email_sealed'), ('reserved_email', 'email_sealed'),
      ('session', 'address_sealed'), ('outbox_message', 'payload_sealed'),
      ('webhook_endpoint', 'url_sealed'), ('webhook_endpoint', 'secret_sealed'),
      ('webhook_endpoint', 'previous_secret_sealed'),
      ('authorization_request', 'parameters_sealed'), ('signing_key', 'sealed_private')
    ) AS place (of_table, of_column)
  LOOP
    EXECUTE format(
      'CREATE TRIGGER %I BEFORE INSERT OR UPDATE OF %I ON %I FOR EACH ROW
         WHEN (NEW.%I IS NOT NULL AND is_sealed_by_retired_key(NEW.%I))
         EXECUTE FUNCTION refuse_retired_key()',
      sealed.of_table || '_' || sealed.of_column || '_key_lives', sealed.of_column, sealed.of_table,
      sealed.of_column, sealed.of_column
    );
  END LOOP;
END
$$;
