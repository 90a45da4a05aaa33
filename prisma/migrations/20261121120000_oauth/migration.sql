-- AlterEnum
ALTER TYPE "revocation_kind" ADD VALUE 'session' BEFORE 'jti';

-- AlterTable
ALTER TABLE "session" ADD COLUMN     "audience" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "claims" JSONB;

-- CreateTable
CREATE TABLE "client" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "auth_method" TEXT NOT NULL,
    "redirect_uris" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "post_logout_redirect_uris" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "backchannel_logout_uri" TEXT,
    "grant_types" TEXT[],
    "scopes" TEXT[],
    "audiences" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "is_first_party" BOOLEAN NOT NULL DEFAULT false,
    "is_resource_server" BOOLEAN NOT NULL DEFAULT false,
    "require_pkce" BOOLEAN NOT NULL DEFAULT true,
    "require_par" BOOLEAN NOT NULL DEFAULT false,
    "require_dpop" BOOLEAN NOT NULL DEFAULT false,
    "shows_roles" BOOLEAN NOT NULL DEFAULT false,
    "access_token_ttl_seconds" INTEGER,
    "refresh_idle_seconds" INTEGER,
    "refresh_absolute_seconds" INTEGER,
    "is_pairwise" BOOLEAN NOT NULL DEFAULT false,
    "sector_identifier" TEXT,
    "jwks" JSONB,
    "jwks_uri" TEXT,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "registration_token_hash" BYTEA,
    "initial_access_token_id" UUID,
    "disabled_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "client_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "client_secret" (
    "id" UUID NOT NULL,
    "client_id" TEXT NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "client_secret_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "consent" (
    "user_id" UUID NOT NULL,
    "client_id" TEXT NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "consent_pkey" PRIMARY KEY ("user_id","client_id")
);

-- CreateTable
CREATE TABLE "authorization_request" (
    "id_hash" BYTEA NOT NULL,
    "client_id" TEXT NOT NULL,
    "is_pushed" BOOLEAN NOT NULL,
    "parameters_sealed" BYTEA NOT NULL,
    "login_after" TIMESTAMPTZ(3),
    "consented_by" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "spent_at" TIMESTAMPTZ(3),

    CONSTRAINT "authorization_request_pkey" PRIMARY KEY ("id_hash")
);

-- CreateTable
CREATE TABLE "authorization_code" (
    "code_hash" BYTEA NOT NULL,
    "client_id" TEXT NOT NULL,
    "user_id" UUID NOT NULL,
    "parent_id" UUID NOT NULL,
    "redirect_uri" TEXT,
    "scope" TEXT NOT NULL,
    "audience" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "claims" JSONB,
    "nonce" TEXT,
    "code_challenge" TEXT,
    "dpop_jkt" TEXT,
    "auth_time" TIMESTAMPTZ(3) NOT NULL,
    "amr" TEXT[],
    "session_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "spent_at" TIMESTAMPTZ(3),

    CONSTRAINT "authorization_code_pkey" PRIMARY KEY ("code_hash")
);

-- CreateTable
CREATE TABLE "device_authorization" (
    "device_code_hash" BYTEA NOT NULL,
    "user_code_hash" BYTEA NOT NULL,
    "client_id" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "audience" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "user_id" UUID,
    "parent_id" UUID,
    "is_approved" BOOLEAN,
    "interval_seconds" INTEGER NOT NULL,
    "polled_at" TIMESTAMPTZ(3),
    "session_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "spent_at" TIMESTAMPTZ(3),

    CONSTRAINT "device_authorization_pkey" PRIMARY KEY ("device_code_hash")
);

-- CreateTable
CREATE TABLE "spent_jti" (
    "hash" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "spent_jti_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "initial_access_token" (
    "id" UUID NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "name" TEXT NOT NULL,
    "policy" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "initial_access_token_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "client_registration_token_hash_key" ON "client"("registration_token_hash");

-- CreateIndex
CREATE INDEX "client_secret_client_id_idx" ON "client_secret"("client_id");

-- CreateIndex
CREATE INDEX "consent_client_id_idx" ON "consent"("client_id");

-- CreateIndex
CREATE INDEX "authorization_request_expires_at_idx" ON "authorization_request"("expires_at");

-- CreateIndex
CREATE INDEX "authorization_code_user_id_idx" ON "authorization_code"("user_id");

-- CreateIndex
CREATE INDEX "authorization_code_expires_at_idx" ON "authorization_code"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "device_authorization_user_code_hash_key" ON "device_authorization"("user_code_hash");

-- CreateIndex
CREATE INDEX "device_authorization_expires_at_idx" ON "device_authorization"("expires_at");

-- CreateIndex
CREATE INDEX "spent_jti_expires_at_idx" ON "spent_jti"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "initial_access_token_token_hash_key" ON "initial_access_token"("token_hash");

-- AddForeignKey
ALTER TABLE "client" ADD CONSTRAINT "client_initial_access_token_id_fkey" FOREIGN KEY ("initial_access_token_id") REFERENCES "initial_access_token"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "client_secret" ADD CONSTRAINT "client_secret_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "client"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "consent" ADD CONSTRAINT "consent_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "consent" ADD CONSTRAINT "consent_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "client"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "authorization_code" ADD CONSTRAINT "authorization_code_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
