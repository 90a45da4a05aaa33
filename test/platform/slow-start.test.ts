import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { UnavailableError } from '../../src/errors.ts'
import { startClock } from '../../src/platform/clock.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import { openPostgres } from '../../src/platform/postgres.ts'
import { readConfig } from '../../src/config.ts'
import { createTestDatabase } from '../support/database.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { timed } from '../support/timed.ts'

const wire = await startTcpProxy(t, (await createTestDatabase(t)).url)
const config = {
  ...readConfig({ KEY_ENCRYPTION_KEY: 'ab'.repeat(32) }),
  databaseUrl: wire.url
}

void t.test('Postgres, slower than a request may wait: the start waits for it', async (t) => {
  wire.stall()
  const opening = openPlatform(config, () => undefined)
  opening.catch(() => undefined)
  await delay(1_500) // one attempt is given up after 1 s
  await wire.restore()
  const platform = await opening
  t.teardown(platform.close)
  t.equal(await platform.postgres.isReachable(), true)
})

void t.test('Postgres, slower than a request may wait: a request is told', async (t) => {
  const postgres = openPostgres({ databaseUrl: wire.url, poolSize: 2 })
  t.teardown(postgres.close)
  wire.stall()
  await t.rejects(startClock(postgres), { code: 'service_unavailable' })
  await wire.restore()
  await t.resolves(startClock(postgres))
})

void t.test('Postgres, refusing connections: the start fails at once', async (t) => {
  await wire.cut()
  const { result, tookMs } = await timed(() =>
    openPlatform(config, () => undefined).catch((error: unknown) => error)
  )
  t.type(result, UnavailableError)
  t.ok(tookMs < 1_000, `after ${tookMs} ms`)
})
