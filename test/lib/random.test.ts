import { version } from 'uuid'
import t from 'tap'
import { takeRandomBytes, uuidv7At } from '../../src/lib/random.ts'

void t.test('bytes of every length, more often than they are fetched: none comes twice', (t) => {
  const seen = new Set<string>()
  for (const length of [12, 16, 32, 4_096]) {
    for (let call = 0; call < 500; call += 1) {
      const bytes = takeRandomBytes(length)
      if (bytes.length !== length) t.fail(`${bytes.length} bytes instead of ${length}`)
      const text = bytes.toString('hex')
      seen.add(text.slice(0, 24))
      if (text.includes('0'.repeat(24))) t.fail('what was given away is given again, erased')
    }
  }
  t.equal(seen.size, 2_000)
  t.end()
})

void t.test('bytes that were taken: no later call changes them', (t) => {
  const bytes = takeRandomBytes(32)
  const before = bytes.toString('hex')
  for (let call = 0; call < 300; call += 1) takeRandomBytes(32)
  t.equal(bytes.toString('hex'), before)
  t.end()
})

void t.test('a UUID of a time: version 7, of that millisecond, another one each time', (t) => {
  const time = new Date('2026-01-02T03:04:05.678Z')
  const ids = Array.from({ length: 1_000 }, () => uuidv7At(time))
  for (const id of ids) {
    t.equal(version(id), 7)
    t.equal(parseInt(id.replaceAll('-', '').slice(0, 12), 16), time.getTime())
  }
  t.equal(new Set(ids).size, ids.length)
  t.end()
})
