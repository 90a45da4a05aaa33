-- CreateIndex
CREATE INDEX "outbox_message_expires_at_idx" ON "outbox_message"("expires_at");
