import t from 'tap'
import { createFreshCodes } from '../../src/oauth/authorize/fresh-codes.ts'
import { sha256 } from '../../src/lib/secrets.ts'

let nowMs = 0
const fresh = createFreshCodes<string>(() => nowMs)
const hash = (n: number) => sha256(String(n))

void t.test('a code that was just made, asked for twice: given once', (t) => {
  fresh.keep(hash(1), 'one')
  t.equal(fresh.take(hash(1)), 'one')
  t.equal(fresh.take(hash(1)), null)
  t.end()
})

void t.test('a code after twenty seconds, before its minute is over: not remembered', (t) => {
  fresh.keep(hash(2), 'two')
  nowMs += 20_000
  t.equal(fresh.take(hash(2)), null)
  t.end()
})

void t.test('more codes than are remembered: the oldest make room', (t) => {
  for (let n = 100; n <= 10_100; n += 1) fresh.keep(hash(n), String(n))
  t.equal(fresh.take(hash(100)), null)
  t.equal(fresh.take(hash(101)), '101')
  t.equal(fresh.take(hash(10_100)), '10100')
  t.end()
})
