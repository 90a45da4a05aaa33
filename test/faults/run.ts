// npm run test:faults [-- NAME…]: real processes that are frozen, killed and cut off under load; prints what became of it.
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { ensurePrograms } from '../../scripts/test/programs.ts'
import { ensureRedis } from '../../scripts/test/redis.ts'
import { tableOf, type Figures } from '../support/faults/figures.ts'
import { openStage } from '../support/faults/stage.ts'
import { ScenarioSkipped } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'

const wanted = process.argv.slice(2)
const selected = SCENARIOS.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.startsWith(part))
)
if (selected.length === 0) {
  console.error(`Nothing is called so. There are: ${SCENARIOS.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}

await ensureRedis()
await ensurePrograms([join(import.meta.dirname, 'replicas.ts')])

let stage = openStage()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stage.close().finally(() => process.exit(130)))
}

const rows: Figures[] = []
for (const { name, run } of selected) {
  stage = openStage()
  try {
    console.error(`${name} … (load of the machine: ${loadavg()[0]!.toFixed(1)})`)
    const figures = await run(stage)
    rows.push(figures)
    for (const text of new Set(figures.broken)) console.error(`  BROKEN ${text}`)
  } catch (error) {
    if (error instanceof ScenarioSkipped) console.error(`  SKIPPED: ${error.message}`)
    else {
      console.error(`  FAILED`, error)
      process.exitCode = 1
    }
  } finally {
    await stage.close()
  }
}
console.log(tableOf(rows))
if (rows.some(({ broken }) => broken.length > 0)) process.exitCode = 1
