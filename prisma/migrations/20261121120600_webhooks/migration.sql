-- CreateTable
CREATE TABLE "webhook_endpoint" (
    "id" UUID NOT NULL,
    "url_sealed" BYTEA NOT NULL,
    "events" TEXT[],
    "enabled" BOOLEAN NOT NULL,
    "disabled_reason" TEXT,
    "secret_sealed" BYTEA NOT NULL,
    "previous_secret_sealed" BYTEA,
    "previous_secret_until" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "webhook_endpoint_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_delivery" (
    "endpoint_id" UUID NOT NULL,
    "event_id" UUID NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL,
    "claimed_until" TIMESTAMPTZ(3),
    "sent_at" TIMESTAMPTZ(3),
    "parked_at" TIMESTAMPTZ(3),
    "last_error" TEXT,

    CONSTRAINT "webhook_delivery_pkey" PRIMARY KEY ("endpoint_id","event_id")
);

-- The sender asks for what is due, endpoint by endpoint; sent and parked deliveries are no longer.
CREATE INDEX webhook_delivery_due_idx ON webhook_delivery (endpoint_id, next_attempt_at)
  WHERE sent_at IS NULL AND parked_at IS NULL;

-- Whether a list such as {account.*,login.failed} names a type.
CREATE FUNCTION webhook_wants(events text[], type text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT EXISTS (
    SELECT FROM unnest(events) AS wanted
     WHERE wanted IN ('*', type) OR (wanted LIKE '%.*' AND starts_with(type, left(wanted, -1))))
$$;

-- An event is for its endpoints in the transaction that writes it, whoever does: no feature can forget.
CREATE FUNCTION webhook_fan_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO webhook_delivery (endpoint_id, event_id, created_at, next_attempt_at)
  SELECT endpoint.id, event.id, latchkey_now(), latchkey_now()
    FROM webhook_endpoint AS endpoint, written AS event
   WHERE endpoint.enabled AND webhook_wants(endpoint.events, event.type);
  RETURN NULL;
END
$$;
CREATE TRIGGER audit_event_webhooks AFTER INSERT ON audit_event
  REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION webhook_fan_out();
