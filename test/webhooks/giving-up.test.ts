import t from 'tap'
import { RETRY_AFTER_SECONDS } from '../../src/webhooks/deliver.ts'
import { eventually } from '../support/eventually.ts'
import {
  deliveries,
  givenWebhook,
  isSignedWith,
  record,
  startReceiver,
  startTellingApp,
  told
} from '../support/webhooks.ts'

void t.test(
  'an endpoint that never takes it: waits that grow for a day and a half, then parked',
  async (t) => {
    const receiver = await startReceiver(t, (response) => response.writeHead(500).end('no'))
    const { app, admin } = await startTellingApp(t, [receiver])
    const { secret } = await givenWebhook(t, admin, receiver.url, 'login.failed')
    await record(app, 'login.failed')
    let moved = 0
    for (const [index, wait] of RETRY_AFTER_SECONDS.entries()) {
      const [row] = await eventually(`attempt ${index + 1}`, async () => {
        const rows = await deliveries(app)
        return rows[0]?.attempts === index + 1 && rows[0].waitSeconds > 1 && rows
      })
      t.match(row, { error: 'HTTP 500', isParked: false })
      t.ok(
        row!.waitSeconds > wait - 3 && row!.waitSeconds <= wait * 1.1,
        `${wait} s: ${row!.waitSeconds}`
      )
      moved += Math.ceil(wait * 1.1)
      await app.moveTime(moved)
    }
    await eventually('parking', async () => (await deliveries(app))[0]?.isParked)
    t.ok(moved > 32 * 3_600 && moved < 45 * 3_600, `${moved / 3_600} h`)
    await app.moveTime(moved + 1_000_000)
    await record(app, 'login.failed')
    await told(receiver, RETRY_AFTER_SECONDS.length + 2)
    const ids = receiver.seen.map(({ headers }) => headers['webhook-id'])
    t.equal(ids.filter((id) => id === ids[0]).length, RETRY_AFTER_SECONDS.length + 1, 'no more')
    t.ok(receiver.seen.every((delivery) => isSignedWith(secret, delivery)))
    const stamps = receiver.seen.map(({ headers }) => Number(headers['webhook-timestamp']))
    t.ok(stamps[5]! > stamps[0]! + 2_000, 'each attempt is signed with its own time')
  }
)
