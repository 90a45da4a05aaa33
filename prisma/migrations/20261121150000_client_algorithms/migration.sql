-- AlterTable
ALTER TABLE "client" ADD COLUMN     "access_token_alg" TEXT NOT NULL DEFAULT 'RS256',
ADD COLUMN     "id_token_alg" TEXT NOT NULL DEFAULT 'RS256';
