import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { figuresOf, tableOf } from '../support/faults/figures.ts'
import { createLedger } from '../support/faults/ledger.ts'
import { startLoad } from '../support/faults/load.ts'
import { replayLedger } from '../support/faults/replay.ts'
import { linksIn, openWorld, type World } from '../support/faults/world.ts'
import { openDatabase } from '../support/raw-database.ts'
import { startServer } from '../support/server.ts'

/** The whole bench, each fault by itself and longer: `npm run test:faults`. */
const EACH_MS = 1_000
const crowd = {
  refreshers: 4,
  visitors: 1,
  newcomers: 1,
  changers: 1,
  revokers: 1,
  applications: 1,
  probers: 1,
  pauseMs: 200
}
/** The longest lost answer is repeated, however slow the machine. */
const env = { REFRESH_GRACE_SECONDS: '60', ARGON2_QUEUE_LENGTH: '1000', ARGON2_WAIT_MS: '60000' }

/** One fault after the other, each lifted before the next. */
async function suffer({ postgres, redis, sink, servers, ...world }: World, t: Test): Promise<void> {
  redis.freeze()
  sink.become('stall')
  await delay(EACH_MS)
  redis.thaw()
  await redis.flush()
  await postgres.freeze()
  await delay(EACH_MS)
  await postgres.thaw()
  await sink.down()
  sink.become('accept')
  await sink.up()
  await redis.restart()
  await servers[0]!.kill('SIGKILL')
  await postgres.kill()
  await postgres.start()
  await startServer(t, { ...world.env, PORT: String(servers[0]!.port) })
  await delay(EACH_MS)
  // Mails that the dead one was sending wait for the end of its lease, which is a minute: not here.
  const { sql } = await openDatabase(t, postgres.url)
  await sql('UPDATE outbox_message SET claimed_until = latchkey_now() WHERE sent_at IS NULL')
}

void t.test(
  'two servers while Redis, Postgres, mail and one of them freeze and die under load: nothing lost, nobody wrongly in or out',
  async (t) => {
    const world = await openWorld(t, { env })
    const ledger = createLedger(world.bases)
    const { sql } = world.database
    const load = await startLoad({ ledger, findLink: linksIn(world.sink), sql, crowd })
    ledger.state.phase = 'fault'
    await suffer(world, t)
    ledger.state.phase = 'after'
    await load.stop()
    await replayLedger(ledger, load)
    const figures = figuresOf('all of them', ledger, null)
    t.comment(tableOf([figures]))
    t.strictSame(figures.broken, [])
    t.ok(figures.acknowledged > 100, `${figures.acknowledged} acts were acknowledged`)
    t.ok(ledger.refusals.length > 20, `${ledger.refusals.length} refusals hold`)
  }
)
