import t from 'tap'
import { decodeBase64 } from '../../src/lib/base64.ts'

void t.test('base64 in either alphabet, padded or not: the same bytes', (t) => {
  for (const text of ['-_8=', '-_8', '+/8=', '+/8']) {
    t.strictSame(decodeBase64(text), Buffer.from([0xfb, 0xff]), text)
  }
  t.end()
})

void t.test('anything else: null', (t) => {
  for (const text of ['', '=', 'A', 'A===', 'AB', 'AA AA', 'AAAA\n', 'ÄAAA']) {
    t.equal(decodeBase64(text), null, JSON.stringify(text))
  }
  t.end()
})
