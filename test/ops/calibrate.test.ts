import t from 'tap'
import { calibrate, FLOOR, type Cost } from '../../scripts/tune/calibrate.ts'

/** A machine on which a hash of the least cost takes `floorMs`, and others in proportion. */
const machine =
  (floorMs: number) =>
  ({ memoryKib, passes }: Cost) =>
    Promise.resolve((floorMs * memoryKib * passes) / (FLOOR.memoryKib * FLOOR.passes))

void t.test('a fast machine, a time to reach: memory grows first', async (t) => {
  t.same(await calibrate(20, machine(10)), {
    memoryKib: 38_912,
    passes: 2,
    ms: 20
  })
})

void t.test('a very fast machine: beyond 64 MiB the passes grow', async (t) => {
  const { memoryKib, passes, ms } = await calibrate(200, machine(10))
  t.match({ memoryKib, passes }, { memoryKib: 65_536, passes: 11 })
  t.ok(ms > 150 && ms <= 200)
})

void t.test('a slow machine: never less than the least that is safe', async (t) => {
  t.same(await calibrate(5, machine(40)), { ...FLOOR, ms: 40 })
})
