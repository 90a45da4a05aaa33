import t from 'tap'
import { parseEmailAddress } from '../../src/lib/email-address.ts'

/** What is typed, where the mail goes, and what it is looked up by. */
const ACCEPTED: [typed: string, address: string, canonical: string][] = [
  ['ada@example.com', 'ada@example.com', 'ada@example.com'],
  ['Ada.L+News@Example.COM', 'Ada.L+News@example.com', 'ada.l+news@example.com'],
  ["o'brien@example.com", "o'brien@example.com", "o'brien@example.com"],
  [
    "!#$%&'*+/=?^_`{|}~-@example.com",
    "!#$%&'*+/=?^_`{|}~-@example.com",
    "!#$%&'*+/=?^_`{|}~-@example.com"
  ],
  ['a@b.co', 'a@b.co', 'a@b.co'],
  ['1@1.com', '1@1.com', '1@1.com'],
  ['a@sub.sub.sub.example.com', 'a@sub.sub.sub.example.com', 'a@sub.sub.sub.example.com'],
  // Domains by UTS-46, non-transitional: ß is a letter of its own.
  ['ada@Bücher.example', 'ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
  ['ada@bu\u0308cher.example', 'ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
  ['ada@XN--BCHER-KVA.example', 'ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
  ['ada@faß.de', 'ada@xn--fa-hia.de', 'ada@xn--fa-hia.de'],
  ['ada@ＥＸＡＭＰＬＥ．com', 'ada@example.com', 'ada@example.com'],
  ['ada@example。com', 'ada@example.com', 'ada@example.com'],
  ['ada@例え.テスト', 'ada@xn--r8jz45g.xn--zckzah', 'ada@xn--r8jz45g.xn--zckzah'],
  // RFC 6531: letters of other scripts, in one spelling (NFC), and nobody's idea of their lower case.
  ['jürgen@example.com', 'jürgen@example.com', 'jürgen@example.com'],
  ['ju\u0308rgen@example.com', 'jürgen@example.com', 'jürgen@example.com'],
  ['Jürgen@example.com', 'Jürgen@example.com', 'Jürgen@example.com'],
  ['用户@example.com', '用户@example.com', '用户@example.com']
]

/** Each of these would be two addresses, another address, or not what it looks like. */
const REFUSED: Record<string, string[]> = {
  'a display name': ['Ada <ada@example.com>', '<ada@example.com>', '"Ada" ada@example.com'],
  'a list or a group': [
    'ada@example.com,eve@example.com',
    'ada@example.com;eve@example.com',
    'ada@example.com eve@example.com',
    'friends:ada@example.com;',
    'ada@example.com@evil.example',
    'eve@evil.example,@example.com'
  ],
  'a comment': ['ada(x)@example.com', 'ada@example.com(x)', '(x)ada@example.com'],
  'a quoted local part': ['"ada"@example.com', '"a b"@example.com', 'a\\@b@example.com'],
  'an address literal or a number': [
    'ada@[127.0.0.1]',
    'ada@[IPv6:::1]',
    'ada@127.0.0.1',
    'ada@127.1',
    'ada@0x7f.0.0.1',
    'ada@2130706433',
    'ada@①②⑦.0.0.1'
  ],
  'a line break or control character': [
    'ada@example.com\r\nBcc: eve@evil.example',
    'ada\r\n@example.com',
    'ada@example.com\n',
    '\nada@example.com',
    'ada@exa\tmple.com',
    'ada\0@example.com',
    'ada@example.com\0',
    'ada\u007f@example.com',
    'ada\u0085@example.com',
    'ada\u2028@example.com'
  ],
  'a blank': [' ada@example.com', 'ada@example.com ', 'a da@example.com', 'ada\u00a0@example.com'],
  'an unbalanced or missing part': ['', '@', 'ada', 'ada@', '@example.com', 'ada.example.com'],
  'a local part with dots at the wrong place': [
    '.ada@example.com',
    'ada.@example.com',
    'a..da@example.com'
  ],
  'a domain that is none': [
    'ada@localhost',
    'ada@.example.com',
    'ada@example..com',
    'ada@example.com.',
    'ada@example.com。',
    'ada@-example.com',
    'ada@example-.com',
    'ada@exa_mple.com',
    'ada@exa mple.com',
    'ada@example.123'
  ],
  'what a URL would end a host with': [
    'ada@example.com/path',
    'ada@example.com?query',
    'ada@example.com#fragment',
    'ada@example.com\\path',
    'ada@example.com:25',
    'ada@example.com:80',
    'ada@example%2ecom',
    'ada@example.com／path'
  ],
  'half a character': ['ada\ud800@example.com', 'ada@exam\udc00ple.com']
}

/** Invisible ones: controls of direction, joiners, fillers, selectors; letters and marks among them. */
const INVISIBLE = [
  0x00ad, 0x034f, 0x061c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180e, 0x200b, 0x200c, 0x200d,
  0x200e, 0x200f, 0x202a, 0x202e, 0x2060, 0x2062, 0x2066, 0x2069, 0x3164, 0xfe00, 0xfe0f, 0xfeff,
  0xffa0, 0xfff9, 0xe0020, 0xe0100
]

/** As a test's name can tell it: ASCII, on one line. */
const shown = (text: string) => JSON.stringify(encodeURI(text.toWellFormed())).slice(0, 80)

for (const [typed, address, canonical] of ACCEPTED) {
  t.strictSame(parseEmailAddress(typed), { address, canonical }, `${shown(typed)}: taken`)
}

for (const [what, texts] of Object.entries(REFUSED)) {
  for (const text of texts) {
    t.equal(parseEmailAddress(text), null, `${what}, parsed: null: ${shown(text)}`)
  }
}

for (const point of INVISIBLE) {
  const character = String.fromCodePoint(point)
  const name = `U+${point.toString(16).toUpperCase().padStart(4, '0')}`
  for (const text of [
    `a${character}da@example.com`,
    `${character}ada@example.com`,
    `ada${character}@example.com`,
    `ada@exam${character}ple.com`,
    `ada@example.com${character}`
  ]) {
    t.equal(parseEmailAddress(text), null, `${name}, in an address: null`)
  }
}

void t.test('lengths, at their bounds and one beyond (RFC 5321 §4.5.3.1)', (t) => {
  const local = 'l'.repeat(64)
  t.ok(parseEmailAddress(`${local}@example.com`), 'a local part of 64 bytes')
  t.equal(parseEmailAddress(`${local}l@example.com`), null, 'of 65')
  t.ok(parseEmailAddress(`${'ü'.repeat(32)}@example.com`), 'of 32 letters with 2 bytes each')
  t.equal(parseEmailAddress(`${'ü'.repeat(32)}l@example.com`), null, 'bytes count, not letters')
  const label = 'd'.repeat(63)
  t.ok(parseEmailAddress(`a@${label}.com`), 'a label of 63')
  t.equal(parseEmailAddress(`a@${label}d.com`), null, 'of 64')
  const domain = `${label}.${label}.${label}.${'d'.repeat(57)}.com`
  t.equal(domain.length, 253)
  t.ok(parseEmailAddress(`a@${domain}`), 'a domain of 253')
  t.equal(parseEmailAddress(`a@d${domain}`), null, 'of 254 by a label of 64')
  t.equal(parseEmailAddress(`a@${label}.${label}.${label}.${'d'.repeat(58)}.com`), null, 'of 254')
  t.ok(parseEmailAddress(`${local}@${domain}`), 'all of it at its longest')
  t.equal(parseEmailAddress(`a@${'d.'.repeat(100_000)}com`), null, 'and no megabytes')
  t.end()
})

void t.test('what was accepted, parsed again: the same address', (t) => {
  for (const [typed] of ACCEPTED) {
    const first = parseEmailAddress(typed)
    t.strictSame(parseEmailAddress(first!.address), first)
    t.equal(parseEmailAddress(first!.canonical)?.canonical, first?.canonical)
  }
  t.end()
})

void t.test('hostile text of any kind, parsed: null or an address, never a throw', (t) => {
  const pieces = ['@', '.', 'a', 'ü', '\r\n', '\0', '"', '<', '>', '(', '\ud800', '💩', 'xn--', '%']
  for (let seed = 0; seed < 5_000; seed += 1) {
    let rest = seed * 2_654_435_761
    let text = ''
    for (let i = 0; i < 8; i += 1) {
      text += pieces[rest % pieces.length] ?? ''
      rest = Math.floor(rest / pieces.length)
    }
    const parsed = parseEmailAddress(text)
    if (parsed !== null) t.match(parsed.address, /^[^\s@<>()"]+@[a-z0-9.-]+$/, shown(text))
  }
  t.end()
})
