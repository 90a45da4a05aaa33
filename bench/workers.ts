// node bench/workers.ts [--rounds 5 --seconds 2 --only refresh,JWKS]: what two processes on two cores cost a request, beside
// one process on one core. Two replicas share the two stores alone, two workers (`WORKERS=2`) a port and a primary too.
import { parseArgs } from 'node:util'
import { OPERATIONS } from './speed/operations.ts'
import { openPlace } from './speed/place.ts'
import { openSides } from './workers/sides.ts'
import { measureIdle, measureInTurn } from './workers/measure.ts'
import { reportIdle, reportRows } from './workers/report.ts'

const MEASURED = ['verify-token', 'introspection', 'JWKS', 'refresh', 'client credentials']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string' }
  }
})
const wanted = values.only?.split(',') ?? MEASURED
const operations = OPERATIONS.filter((name) => wanted.includes(name))

const place = await openPlace()
try {
  const sides = await openSides(place)
  reportIdle(await measureIdle(sides))
  const times = { rounds: Number(values.rounds), measureMs: Number(values.seconds) * 1_000 }
  reportRows(await measureInTurn({ place, sides, operations, ...times }))
} finally {
  await place.close()
}
