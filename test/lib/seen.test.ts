import t from 'tap'
import { createSeen } from '../../src/lib/seen.ts'

void t.test('fifty thousand texts, shown twice: new once each', (t) => {
  const seen = createSeen()
  const texts = Array.from({ length: 50_000 }, (_, index) => `text ${index}`)
  t.ok(texts.every(seen.isNew))
  t.notOk(texts.some(seen.isNew))
  t.ok(seen.isNew('another'))
  t.end()
})
