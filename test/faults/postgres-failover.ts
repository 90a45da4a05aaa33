import { runFailover, type FailoverOptions } from '../support/faults/failover.ts'
import type { Scenario } from './scenario.ts'

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

/** The primary switched off under load, the standby promoted. */
export const POSTGRES_FAILOVER: Scenario[] = [
  createFailover({ synchronous: true, crowd: {} }),
  createFailover({ synchronous: false, crowd: REFRESHERS })
]

function createFailover(options: Pick<FailoverOptions, 'synchronous' | 'crowd'>): Scenario {
  const { synchronous } = options
  return {
    name: `postgres-failover-${synchronous ? 'sync' : 'async'}`,
    title: synchronous
      ? 'a synchronous standby of Postgres promoted: nothing acknowledged is lost'
      : 'an asynchronous standby of Postgres promoted: whoever is ahead goes on',
    run: async (t) => {
      const figures = await runFailover(t, { ...options, leavers: 4, ...TIMES })
      const { takenForTheft, aheadOfStore, logouts, promotionSeconds, slowestRefusalMs } = figures
      const seen = { takenForTheft, aheadOfStore, logouts, promotionSeconds, slowestRefusalMs }
      console.error(`  ${JSON.stringify(seen)}`)
      const { accessTokenAccepted, refreshTokenAccepted } = logouts
      // An asynchronous standby has not heard of the last logouts; servers remember what they have revoked.
      const notes = [
        takenForTheft > 0 && `${takenForTheft} sessions taken for stolen`,
        accessTokenAccepted > 0 && `${accessTokenAccepted} access tokens accepted after a logout`,
        synchronous &&
          refreshTokenAccepted > 0 &&
          `${refreshTokenAccepted} refresh tokens accepted after a logout`,
        !synchronous && aheadOfStore === 0 && 'no session was ahead of its row'
      ]
      return { ...figures, broken: [...figures.broken, ...notes.filter((note) => note !== false)] }
    }
  }
}
