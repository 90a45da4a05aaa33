-- AlterTable
ALTER TABLE "outbox_message" ADD COLUMN     "topic" TEXT;

-- What there is to erase, and what administrators and metrics are shown: both stay small, the table does not.
CREATE INDEX outbox_message_kept_idx ON outbox_message (expires_at) WHERE payload_sealed IS NOT NULL;
CREATE INDEX outbox_message_unsent_idx ON outbox_message (id) WHERE sent_at IS NULL;
