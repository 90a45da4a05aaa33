import t from 'tap'
import { createDeliveryStore } from '../../src/webhooks/delivery-store.ts'
import { givenTrail } from '../support/audit-trail.ts'

void t.test(
  'deliveries, pruned: old ones and those of removed endpoints go, no other',
  async (t) => {
    const trail = await givenTrail(t)
    const [live] = await trail.sql<{ id: string }>(`
    INSERT INTO webhook_endpoint (id, url_sealed, events, enabled, secret_sealed, created_at, updated_at)
    VALUES (gen_random_uuid(), '', '{}', TRUE, '', now(), now()) RETURNING id`)
    const deliver = (endpoint: string, sentAt: string, count: number) =>
      trail.sql(
        `INSERT INTO webhook_delivery (endpoint_id, event_id, created_at, next_attempt_at, sent_at)
       SELECT ${endpoint}, gen_random_uuid(), now(), now(), ${sentAt} FROM generate_series(1, ${count})`
      )
    const endpoint = `'${live!.id}'`
    await deliver(endpoint, 'NULL', 3)
    await deliver(endpoint, `now() - interval '29 days'`, 4)
    await deliver(endpoint, `now() - interval '31 days'`, 5_003)
    await deliver('gen_random_uuid()', 'NULL', 20)
    await createDeliveryStore({ postgres: trail.platform.postgres, record: trail.record }).prune()
    t.strictSame(
      await trail.sql(
        'SELECT endpoint_id AS id, count(*)::int, count(sent_at)::int AS sent FROM webhook_delivery GROUP BY 1'
      ),
      [{ id: live!.id, count: 7, sent: 4 }]
    )
    await trail.sql('ANALYZE webhook_delivery')
    const plan = await trail.sql(`EXPLAIN SELECT FROM webhook_delivery
    WHERE coalesce(sent_at, parked_at) < now() - interval '30 days' LIMIT 5000`)
    t.match(JSON.stringify(plan), 'webhook_delivery_done_idx')
  }
)
