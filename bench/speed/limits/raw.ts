// node bench/speed/limits/raw.ts sign|argon2 MS: what the machine can do with all its cores and nothing around it.
// Prints operations a second.
import { generateKeyPairSync, sign } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { argon2 } from '../../../src/accounts/argon2.ts'

const [what = '', ms = '1000'] = process.argv.slice(2)
const SIGNATURES_AT_ONCE = 64

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
/** As long as an access token of ours. */
const body = Buffer.alloc(640, 'x')

const jobs: Record<string, { atOnce: number; run: () => Promise<unknown> }> = {
  sign: {
    atOnce: SIGNATURES_AT_ONCE,
    run: () =>
      new Promise((resolve, reject) => {
        sign('sha256', body, privateKey, (error, signature) => {
          if (error) reject(error)
          else resolve(signature)
        })
      })
  },
  argon2: {
    atOnce: availableParallelism(),
    run: () =>
      argon2.hash('sparrow-lantern-42-quartz', {
        type: argon2.argon2id,
        memoryCost: 19_456,
        timeCost: 2,
        parallelism: 1
      })
  }
}

const job = jobs[what]
if (job === undefined) throw new Error(`There is no limit called ${what}.`)
let count = 0
const startedMs = performance.now()
const endMs = startedMs + Number(ms)
await Promise.all(
  Array.from({ length: job.atOnce }, async () => {
    while (performance.now() < endMs) {
      await job.run()
      count += 1
    }
  })
)
console.log((count / (performance.now() - startedMs)) * 1_000)
