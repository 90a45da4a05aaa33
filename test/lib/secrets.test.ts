import t from 'tap'
import {
  canonicalTypedCode,
  isCanonicalBase64Url,
  randomToken,
  randomTypedCode
} from '../../src/lib/secrets.ts'

const ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'

void t.test('typed codes, made: 8 of 32 characters that nobody confuses', (t) => {
  const seen = new Set<string>()
  const characters = new Map<string, number>()
  for (let i = 0; i < 4_000; i += 1) {
    const code = randomTypedCode()
    if (!/^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$/.test(code)) t.fail(code)
    seen.add(code)
    for (const character of code.replace('-', '')) {
      characters.set(character, (characters.get(character) ?? 0) + 1)
    }
  }
  t.equal(seen.size, 4_000, 'no two alike: 40 bits')
  t.equal([...characters.keys()].sort().join(''), ALPHABET, 'all 32 occur, and 0 1 I O never')
  const counts = [...characters.values()]
  t.ok(Math.min(...counts) > 800 && Math.max(...counts) < 1_200, 'each about 1,000 times')
  t.end()
})

void t.test('typed codes, typed: case, blanks and dashes do not matter', (t) => {
  for (let i = 0; i < 200; i += 1) {
    const code = randomTypedCode()
    const bare = code.replace('-', '')
    const spellings = [
      code,
      bare,
      code.toLowerCase(),
      ` ${bare} `,
      Array.from(bare).join(' '),
      `-${Array.from(bare).join('-')}-`,
      `\t${code}\r\n`,
      code.replace('-', '\u00a0')
    ]
    for (const spelling of spellings) {
      if (canonicalTypedCode(spelling) !== bare) t.fail(JSON.stringify(spelling))
    }
  }
  t.end()
})

const NO_CODES = [
  '',
  '-',
  '2345678',
  '234567892',
  '2345-678',
  '0345-6789',
  '1345-6789',
  'I345-6789',
  'O345-6789',
  'ABCD_EFGH',
  'ABCD.EFGH',
  'ABCDEFG\0',
  'ÄBCD-EFGH',
  'ABCD-EFGı',
  'ＡＢＣＤ-ＥＦＧＨ',
  'ABCD\u2011EFGH',
  '٢٣٤٥٦٧٨٩',
  'A'.repeat(10_000)
]

void t.test('what can be no code, typed: null', (t) => {
  for (const text of NO_CODES) t.equal(canonicalTypedCode(text), null, text.slice(0, 20))
  t.end()
})

void t.test('tokens, made: 256 bits in 43 characters, canonical', (t) => {
  const seen = new Set(Array.from({ length: 1_000 }, randomToken))
  t.equal(seen.size, 1_000)
  for (const token of seen) {
    if (!/^[\w-]{43}$/.test(token) || !isCanonicalBase64Url(token)) t.fail(token)
  }
  t.end()
})

void t.test('base64url, in any other spelling: not canonical (RFC 4648 §3.5)', (t) => {
  const bytes = Buffer.from([0xfb, 0xff, 0xbf, 0x01])
  const text = bytes.toString('base64url')
  t.equal(text, '-_-_AQ')
  t.ok(isCanonicalBase64Url(text))
  for (const other of [
    '-_-_AR',
    '-_-_AQ==',
    '+/+/AQ',
    '-_-_AQ ',
    ' -_-_AQ',
    '-_-_A',
    '-_-_AQ\n',
    ''
  ]) {
    t.notOk(isCanonicalBase64Url(other), JSON.stringify(other))
  }
  t.notOk(isCanonicalBase64Url('-_-_AQ\u0000'))
  t.notOk(isCanonicalBase64Url('－_-_AQ'))
  for (let length = 1; length < 100; length += 1) {
    t.ok(isCanonicalBase64Url(Buffer.alloc(length, 0xa5).toString('base64url')))
  }
  t.end()
})
