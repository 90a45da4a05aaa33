import { createHmac, randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { openRefreshToken, writeRefreshToken } from '../../src/sessions/refresh-token.ts'

const KEY = { id: '0badcafe', key: randomBytes(32) }
const OTHER_KEY = { id: 'deadbeef', key: randomBytes(32) }
const CLAIM = { sessionId: uuidv7(), generation: 7, secret: randomBytes(32) }
const TOKEN = writeRefreshToken(CLAIM, KEY)
const BODY = Buffer.from(TOKEN.slice(4), 'base64url')
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const keyById = (id: string) => [KEY, OTHER_KEY].find((candidate) => candidate.id === id)?.key
const open = (token: string) => openRefreshToken(token, keyById)
const write = (bytes: Buffer) => `lkr_${bytes.toString('base64url')}`

/** As somebody would write it who holds the MAC key, and changes what stands before the MAC. */
function signed(change: (bytes: Buffer) => void): string {
  const head = Buffer.from(BODY.subarray(0, 57))
  change(head)
  return write(Buffer.concat([head, createHmac('sha256', KEY.key).update(head).digest()]))
}

void t.test('a claim, written and opened: the same claim, in one URL-safe string', (t) => {
  for (const generation of [0, 1, 7, 2 ** 31 - 1, 2 ** 32 - 1]) {
    const claim = { ...CLAIM, generation }
    const token = writeRefreshToken(claim, KEY)
    t.match(token, /^lkr_[\w-]{119}$/)
    t.strictSame(open(token), claim)
    t.equal(writeRefreshToken(claim, KEY), token, 'and the same string each time')
  }
  t.not(writeRefreshToken(CLAIM, OTHER_KEY), TOKEN, 'another one under another key')
  t.strictSame(open(writeRefreshToken(CLAIM, OTHER_KEY)), CLAIM, 'which overlaps')
  t.end()
})

void t.test('a token with one bit flipped, any of them: null', (t) => {
  let taken = 0
  for (let bit = 0; bit < BODY.length * 8; bit += 1) {
    const bytes = Buffer.from(BODY)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    if (open(write(bytes)) !== null) taken += 1
  }
  t.equal(taken, 0, `of ${BODY.length * 8}`)
  t.end()
})

void t.test('a token with one character changed, added or left out, anywhere: null', (t) => {
  let tried = 0
  let taken = 0
  const look = (text: string) => {
    tried += 1
    if (text !== TOKEN && open(text) !== null) taken += 1
  }
  for (let at = 0; at <= TOKEN.length; at += 1) {
    const [before, after] = [TOKEN.slice(0, at), TOKEN.slice(at + 1)]
    look(before + after)
    look(before)
    for (const character of `${ALPHABET}+/=. \n\0`) {
      look(before + character + after)
      look(before + character + TOKEN.slice(at))
    }
  }
  t.equal(taken, 0, `of ${tried}`)
  t.end()
})

void t.test('a token in another spelling: null', (t) => {
  const body = TOKEN.slice(4)
  const spellings = [
    `${TOKEN}=`,
    `${TOKEN}==`,
    ` ${TOKEN}`,
    `${TOKEN}\n`,
    `LKR_${body}`,
    body,
    `lkr_lkr_${body}`,
    `lkr_${BODY.toString('hex')}`,
    `lkr_${BODY.toString('base64')}`,
    `lkr_${encodeURIComponent(`${body}=`)}`,
    `lkr_${body.slice(0, 60)} ${body.slice(60)}`
  ]
  for (const spelling of spellings) {
    if (spelling !== TOKEN) t.equal(open(spelling), null, spelling.slice(0, 20))
  }
  t.end()
})

void t.test('a token under a key that is not ours, or under another id: null', (t) => {
  const forged = { id: KEY.id, key: randomBytes(32) }
  t.equal(open(writeRefreshToken(CLAIM, forged)), null, 'our id, their key')
  t.equal(open(writeRefreshToken(CLAIM, { ...KEY, id: OTHER_KEY.id })), null, 'our key, other id')
  t.equal(open(writeRefreshToken(CLAIM, { ...KEY, id: '00000000' })), null, 'an unknown id')
  t.equal(
    openRefreshToken(TOKEN, () => undefined),
    null,
    'a key that is gone'
  )
  t.end()
})

void t.test('a MAC of ours over another version or length: null', (t) => {
  t.ok(open(signed(() => undefined)), 'the construction itself holds')
  for (const version of [0, 2, 255]) {
    t.equal(open(signed((bytes) => bytes.writeUInt8(version, 0))), null, `version ${version}`)
  }
  for (const head of [
    BODY.subarray(0, 56),
    Buffer.concat([BODY.subarray(0, 57), Buffer.alloc(1)])
  ]) {
    const mac = createHmac('sha256', KEY.key).update(head).digest()
    t.equal(open(write(Buffer.concat([head, mac]))), null, `${head.length} bytes before the MAC`)
  }
  t.equal(
    open(write(Buffer.concat([BODY.subarray(0, 57), BODY.subarray(57, 73)]))),
    null,
    'half a MAC'
  )
  t.end()
})

void t.test('ten thousand random strings, opened: null, never a throw', (t) => {
  let taken = 0
  for (let i = 0; i < 10_000; i += 1) {
    const bytes = randomBytes(randomInt(0, 160))
    const text = [
      bytes.toString('latin1'),
      bytes.toString('utf8'),
      `lkr_${bytes.toString('base64url')}`,
      write(Buffer.concat([BODY.subarray(0, randomInt(0, 89)), bytes]))
    ][i % 4]!
    if (open(text) !== null) taken += 1
  }
  t.equal(taken, 0)
  t.end()
})
