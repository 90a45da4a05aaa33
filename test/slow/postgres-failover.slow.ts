import t from 'tap'
import { runFailover, type FailoverFigures } from '../support/faults/failover.ts'

const TIMES = { beforeMs: 5_000, lagMs: 2_000, afterMs: 10_000 }
/** Everybody whose session the standby knows, and nobody who began something that it has not heard of. */
const REFRESHERS = {
  refreshers: 16,
  visitors: 0,
  newcomers: 0,
  changers: 0,
  revokers: 0,
  administrators: 0,
  applications: 0
}

function print({ broken, logouts, ...figures }: FailoverFigures): void {
  console.error(JSON.stringify({ ...figures, logouts, broken: broken.length }))
}

void t.test(
  'a synchronous standby promoted under load: nothing acknowledged is lost',
  async (t) => {
    const figures = await runFailover(t, { synchronous: true, crowd: {}, leavers: 4, ...TIMES })
    print(figures)
    t.strictSame(figures.broken, [])
    t.equal(figures.takenForTheft, 0)
    t.equal(figures.logouts.refreshTokenAccepted, 0)
    t.equal(figures.logouts.accessTokenAccepted, 0)
  }
)

void t.test('an asynchronous standby promoted under load: whoever is ahead goes on', async (t) => {
  const figures = await runFailover(t, {
    synchronous: false,
    crowd: REFRESHERS,
    leavers: 4,
    ...TIMES
  })
  print(figures)
  t.strictSame(figures.broken, [], 'no session that the standby knew is lost or refused')
  t.equal(figures.takenForTheft, 0)
  t.ok(figures.aheadOfStore > 0, `${figures.aheadOfStore} sessions were ahead of their rows`)
  t.equal(figures.logouts.accessTokenAccepted, 0, 'servers remember what they have revoked')
})
