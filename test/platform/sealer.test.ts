import t from 'tap'
import { KEY_PURPOSES } from '../../src/platform/keys/data-keys.ts'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { openKeyRoom } from '../support/key-room.ts'

const app = await startApp(t)
const { sealer, dataKeys, platform } = await openKeyRoom(t, app)

const TEXT = 'ada@example.com'
const PLACE = { table: 'users', column: 'email_sealed', row: '1' }

void t.test('a sealed value at its place: opens, whatever it holds', (t) => {
  for (const text of [TEXT, '', 'Ада Лавлейс 🗝', 'x'.repeat(100_000), '\0']) {
    t.equal(sealer.open(sealer.seal(text, PLACE), PLACE), text)
  }
  t.end()
})

void t.test('a sealed value, looked at: holds nothing of the text', (t) => {
  const sealed = Buffer.from(sealer.seal(TEXT, PLACE))
  t.notOk(sealed.includes('ada'))
  t.notOk(sealed.includes('example'))
  t.equal(sealed.length, Buffer.byteLength(TEXT) + 33, 'version, key id, nonce and tag around it')
  t.end()
})

void t.test('a sealed value at another row, column or table: does not open', (t) => {
  const sealed = sealer.seal(TEXT, PLACE)
  const elsewhere = [
    { ...PLACE, row: '2' },
    { ...PLACE, row: '11' },
    { ...PLACE, row: '' },
    { ...PLACE, column: 'phone_sealed' },
    { ...PLACE, table: 'registration' },
    { table: 'Users', column: 'email_sealed', row: '1' }
  ]
  for (const place of elsewhere) {
    t.throws(() => sealer.open(sealed, place), /^Cannot open the sealed value at /)
  }
  t.equal(sealer.open(sealed, PLACE), TEXT, 'and still opens at its own')
  t.end()
})

void t.test('a sealed value with any one bit flipped: does not open', (t) => {
  const sealed = sealer.seal(TEXT, PLACE)
  let refusals = 0
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const flipped = new Uint8Array(sealed)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    try {
      sealer.open(flipped, PLACE)
    } catch {
      refusals += 1
    }
  }
  t.equal(refusals, sealed.length * 8, 'version, key id, nonce, text and tag alike')
  t.end()
})

void t.test('a sealed value cut short or with bytes added: does not open', (t) => {
  const sealed = sealer.seal(TEXT, PLACE)
  for (let length = 0; length < sealed.length; length += 1) {
    t.throws(() => sealer.open(sealed.subarray(0, length), PLACE), `${length} bytes`)
  }
  t.throws(() => sealer.open(Buffer.concat([sealed, Buffer.alloc(1)]), PLACE))
  t.throws(() => sealer.open(Buffer.concat([Buffer.alloc(1), sealed]), PLACE))
  t.end()
})

void t.test('the same text twice: different bytes each time', (t) => {
  const seen = new Set<string>()
  for (let round = 0; round < 1_000; round += 1) {
    seen.add(Buffer.from(sealer.seal(TEXT, PLACE)).toString('hex'))
  }
  t.equal(seen.size, 1_000)
  t.end()
})

void t.test('what was sealed for one purpose: does not open for another', (t) => {
  for (const purpose of KEY_PURPOSES) {
    const sealed = sealer.sealBytes(purpose, Buffer.from(TEXT), PLACE)
    for (const other of KEY_PURPOSES) {
      if (other === purpose) t.equal(sealer.openBytes(other, sealed, PLACE).toString(), TEXT)
      else t.throws(() => sealer.openBytes(other, sealed, PLACE), `${purpose} as ${other}`)
    }
  }
  t.end()
})

void t.test('the data keys: one for each purpose, all different, none under another', (t) => {
  const keys = KEY_PURPOSES.map((purpose) => dataKeys.activeAt(purpose, platform.clock.now()))
  t.equal(new Set(keys.map(({ key }) => key.toString('hex'))).size, KEY_PURPOSES.length)
  for (const { id, purpose } of keys) {
    for (const other of KEY_PURPOSES) {
      t.equal(dataKeys.find(other, id) !== undefined, other === purpose, `${purpose} as ${other}`)
    }
  }
  t.end()
})

void t.test('an index: the same for the same, another for another kind or text', (t) => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const emailIndex = (text: string) => sealer.emailIndex(text).value
  t.equal(hex(emailIndex(TEXT)), hex(emailIndex(TEXT)))
  t.not(hex(emailIndex(TEXT)), hex(sealer.phoneIndex(TEXT)))
  t.not(hex(emailIndex(TEXT)), hex(emailIndex(`${TEXT} `)))
  t.end()
})

void t.test('an address copied onto another person’s row: nobody’s address is shown', async (t) => {
  const [mine, theirs] = [await givenSession(app), await givenSession(app)]
  await app.sql(
    `UPDATE users SET email_sealed = (SELECT email_sealed FROM users WHERE id = $1) WHERE id = $2`,
    [theirs.user.id, mine.user.id]
  )
  const answer = await app.get('/auth/me', mine.accessToken)
  t.equal(answer.statusCode, 500)
  t.equal(answer.json().code, 'internal_error')
  t.notOk(answer.body.includes(theirs.user.email))
  t.equal((await app.get('/auth/me', theirs.accessToken)).json().user.email, theirs.user.email)
})

void t.test(
  'the database without the key-encryption key: tells no address and no key',
  async (t) => {
    const { user } = await givenSession(app)
    const tables = await app.sql<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`
    )
    for (const { name } of tables) {
      const rows = await app.sql<{ row: string }>(
        `SELECT row_to_json(x)::text AS row FROM ${name} x`
      )
      const dump = rows.map(({ row }) => row).join('\n')
      t.notOk(dump.includes(user.email), `${name}: no address`)
      t.notOk(dump.includes(Buffer.from(user.email).toString('hex')), `${name}: nor its bytes`)
    }
    const key = dataKeys.activeAt('signing', platform.clock.now()).key.toString('hex')
    const [row] = await app.sql(
      `SELECT string_agg(encode(sealed_key, 'hex'), '') AS all FROM data_key`
    )
    t.notOk(String(row!['all']).includes(key))
  }
)
