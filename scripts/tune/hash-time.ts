// node scripts/tune/hash-time.ts MEMORY_KIB PASSES: how long one password hash takes here, and which binary made it.
// A process of its own: a binary that does not run on this machine ends it, and nothing else.
import { argon2, argon2Binary, measureHashMs } from '../../src/accounts/argon2.ts'

const [memoryKib = '', passes = ''] = process.argv.slice(2)
const ROUNDS = 7

const hash = await argon2.hash('right', { type: argon2.argon2id })
if (!(await argon2.verify(hash, 'right')) || (await argon2.verify(hash, 'wrong'))) {
  throw new Error('This binary does not hash.')
}
const cost = { memoryKib: Number(memoryKib), passes: Number(passes) }
console.log(JSON.stringify({ ms: await measureHashMs(cost, ROUNDS), binary: argon2Binary() }))
