-- AlterTable
ALTER TABLE "one_time_token" ADD COLUMN     "email_sealed" BYTEA;

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "must_reset" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "guess_lane" (
    "key" BYTEA NOT NULL,
    "failures" INTEGER NOT NULL,
    "blocked_until" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "guess_lane_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "known_device" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "nonce_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "known_device_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "reserved_email" (
    "email_index" BYTEA NOT NULL,
    "email_sealed" BYTEA NOT NULL,
    "user_id" UUID NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reserved_email_pkey" PRIMARY KEY ("email_index")
);

-- CreateTable
CREATE TABLE "role" (
    "name" TEXT NOT NULL,
    "scopes" TEXT[],

    CONSTRAINT "role_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE INDEX "guess_lane_updated_at_idx" ON "guess_lane"("updated_at");

-- CreateIndex
CREATE UNIQUE INDEX "known_device_nonce_hash_key" ON "known_device"("nonce_hash");

-- CreateIndex
CREATE INDEX "known_device_user_id_idx" ON "known_device"("user_id");

-- CreateIndex
CREATE INDEX "known_device_expires_at_idx" ON "known_device"("expires_at");

-- CreateIndex
CREATE INDEX "reserved_email_user_id_idx" ON "reserved_email"("user_id");

-- CreateIndex
CREATE INDEX "reserved_email_expires_at_idx" ON "reserved_email"("expires_at");

-- AddForeignKey
ALTER TABLE "known_device" ADD CONSTRAINT "known_device_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reserved_email" ADD CONSTRAINT "reserved_email_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The roles that every installation begins with. Others are added by its operators.
INSERT INTO role (name, scopes) VALUES ('user', '{account}'), ('admin', '{account,admin}');
