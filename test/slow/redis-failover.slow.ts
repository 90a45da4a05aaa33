import t from 'tap'
import { REDIS_FAILOVER } from '../faults/redis-failover.ts'
import { tableOf } from '../support/faults/figures.ts'

for (const { title, run } of REDIS_FAILOVER) {
  void t.test(`${title}: nothing forgotten, nobody wrongly refused`, async (t) => {
    const figures = await run(t)
    console.error(tableOf([figures]))
    t.strictSame(figures.broken, [])
  })
}
