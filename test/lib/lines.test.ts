import { Readable } from 'node:stream'
import t from 'tap'
import { readLines } from '../../src/lib/lines.ts'

async function linesOf(chunks: (string | Buffer)[], maxBytes = 10) {
  const lines = []
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
  for await (const line of readLines(stream, maxBytes)) lines.push(line)
  return lines
}

void t.test('lines, wherever the pieces end: come whole and numbered', async (t) => {
  const expected = [
    { number: 1, text: 'ä' },
    { number: 2, text: '' },
    { number: 3, text: 'last' }
  ]
  const bytes = Buffer.from('ä\n\nlast')
  for (let size = 1; size <= bytes.length; size += 1) {
    const pieces = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    t.strictSame(await linesOf(pieces), expected)
  }
  t.strictSame(await linesOf(['ä\n\nlast\n']), expected, 'with a last break')
  t.strictSame(await linesOf([]), [])
})

void t.test(
  'a line that is too long or not UTF-8: is named, and the next one is whole',
  async (t) => {
    t.strictSame(await linesOf(['0123456789\n01234', '567890', '123\nok\n']), [
      { number: 1, text: '0123456789' },
      { number: 2, text: null },
      { number: 3, text: 'ok' }
    ])
    t.strictSame(await linesOf([Buffer.from([0xff, 0x0a, 0x6f, 0x6b])]), [
      { number: 1, text: null },
      { number: 2, text: 'ok' }
    ])
  }
)
