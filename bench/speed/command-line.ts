import { parseArgs } from 'node:util'
import { OPERATIONS } from './operations.ts'

export type BenchLine = ReturnType<typeof readBenchLine>

/** `npm run bench -- --quick --only refresh,JWKS --rounds 3 --seconds 4 --no-peers` */
export function readBenchLine() {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string' },
      peers: { type: 'boolean', default: true },
      besides: { type: 'boolean', default: true }
    }
  })
  const { quick, only, peers, besides } = values
  const wanted = only?.split(',')
  const operations = OPERATIONS.filter(
    (name) => wanted?.some((part) => name.startsWith(part)) ?? true
  )
  const measureMs = Number(values.seconds ?? (quick ? 0.4 : 4)) * 1_000
  return {
    operations,
    rounds: Number(values.rounds),
    measureMs,
    warmUpMs: Math.min(1_000, measureMs / 3),
    peers,
    besides
  }
}
