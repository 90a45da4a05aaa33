import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createAudit } from '../../src/audit/record.ts'
import { readConfig } from '../../src/config.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import { createOutbound } from '../../src/platform/outbound.ts'
import { openWebhooks } from '../../src/webhooks/room.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'

const act = {
  adminId: '00000000-0000-7000-8000-000000000000',
  origin: { requestId: 'a', address: '127.0.0.1' }
}

void t.test(
  'a name that was public at creation and leads inside later: not connected to',
  async (t) => {
    const { url: databaseUrl } = await createTestDatabase(t)
    const faults: unknown[] = []
    const onFault = (error: unknown) => faults.push(error)
    const config = readConfig({ KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex') })
    const platform = await openPlatform({ ...config, databaseUrl }, onFault)
    const lookups: string[] = []
    let address = '8.8.8.8'
    const outbound = createOutbound({
      allowedHosts: [],
      production: true,
      resolve: (host) => {
        lookups.push(host)
        return Promise.resolve([{ address, family: 4 }])
      }
    })
    const record = createAudit(platform)
    const room = openWebhooks({ platform: { ...platform, outbound }, record, onFault })
    t.teardown(async () => {
      await room.stop()
      await platform.close()
    })
    const settings = { url: 'https://hooks.test/', events: ['login.failed'], enabled: true }
    const { endpoint } = await room.webhooks.create(act, settings)
    address = '169.254.169.254'
    await platform.postgres.transaction((tx) => record(tx, { type: 'login.failed' }))
    const refused = await eventually('a failed attempt', async () => {
      const { deliveries } = await room.webhooks.show(endpoint.id)
      return deliveries.find(({ lastError }) => lastError !== null)
    })
    t.match(refused, { lastError: 'refused_address', attempts: 1, sentAt: null })
    t.strictSame(lookups, ['hooks.test', 'hooks.test'], 'once at creation, once at the delivery')
    t.strictSame(faults, [])
    await t.rejects(room.webhooks.change(act, endpoint.id, settings), { code: 'validation_failed' })
  }
)
