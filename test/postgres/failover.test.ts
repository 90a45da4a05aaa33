import t from 'tap'
import { runFailover } from '../support/faults/failover.ts'

/** The short form of test/slow/postgres-failover.slow.ts, which says what becomes of the asynchronous one too. */
const CROWD = {
  refreshers: 3,
  visitors: 1,
  newcomers: 1,
  changers: 0,
  revokers: 1,
  administrators: 0,
  applications: 0,
  probers: 1
}

void t.test(
  'a synchronous standby promoted under load: nothing acknowledged is lost',
  async (t) => {
    const figures = await runFailover(t, {
      synchronous: true,
      crowd: CROWD,
      leavers: 1,
      beforeMs: 500,
      lagMs: 300,
      afterMs: 1_500
    })
    t.strictSame(figures.broken, [])
    t.equal(figures.takenForTheft, 0)
    t.equal(figures.logouts.refreshTokenAccepted, 0)
  }
)
