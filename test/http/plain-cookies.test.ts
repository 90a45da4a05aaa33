import { fastify } from 'fastify'
import t from 'tap'
import cookies from '../../src/http/cookies.ts'

const NAME = '__Host-latchkey_session'
const app = fastify()
await app.register(cookies, { issuer: 'https://id.example.com' })
await app.ready()

const plain = (cookie: string) => app.readPlainCookie({ cookie }, 'session')

/** What a cookie header may be made of; bytes beyond ASCII as Node reads them. */
const PIECES = [
  ...[
    `${NAME}=lkb_abc`,
    `${NAME}=lkb_abc`,
    `; ${NAME}=lkb_def`,
    'a=b; ',
    'a=b; ',
    '; a=b',
    '; a=b'
  ],
  ...[
    NAME,
    NAME,
    NAME.slice(0, -1),
    `${NAME}x`,
    NAME.toUpperCase(),
    'other',
    '__proto__',
    'lkb_abc'
  ],
  ...[
    '=',
    '=',
    '=',
    ';',
    '; ',
    '; ',
    ';;',
    ' ',
    '\t',
    '\xa0',
    '\x85',
    '\ufeff',
    ',',
    '"',
    '%',
    '%41'
  ],
  ...['x', '"lkb_abc"', '-', '.', '\xe9']
]

/** The same at every run (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

void t.test('any cookie header: as the plugin reads it, or left to it', (t) => {
  const random = createRandom(1)
  let found = 0
  for (let n = 0; n < 20_000; n += 1) {
    const header = Array.from({ length: 1 + random(6) }, () => PIECES[random(PIECES.length)]).join(
      ''
    )
    const value = plain(header)
    if (value === null) continue
    found += 1
    const expected = app.parseCookie(header)[NAME]
    if (value !== expected) t.equal(value, expected, JSON.stringify(header))
  }
  t.ok(found > 1_000, `${found} were read`)
  t.end()
})

void t.test('a cookie among others: read; of a name that only looks like it: not', (t) => {
  const pair = `${NAME}=lkb_abc`
  for (const header of [
    pair,
    `a=b; ${pair}`,
    `${pair}; a=b`,
    `a; ${pair}`,
    `a=b;${pair}`,
    `${NAME}; ${pair}`
  ]) {
    t.equal(plain(header), 'lkb_abc', header)
  }
  for (const blank of ['\xa0', '\ufeff', '\t']) {
    t.equal(plain(`a=b; ${blank}${pair}`), null, JSON.stringify(blank))
    t.equal(plain(`${NAME}${blank}=lkb_abc`), null, JSON.stringify(blank))
  }
  t.end()
})
