import t from 'tap'
import { POSTGRES_FAILOVER } from '../faults/postgres-failover.ts'
import { tableOf } from '../support/faults/figures.ts'

for (const { title, run } of POSTGRES_FAILOVER) {
  void t.test(title, async (t) => {
    const figures = await run(t)
    console.error(tableOf([figures]))
    t.strictSame(figures.broken, [])
  })
}
