import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { createAudit } from '../../src/audit/record.ts'
import { readConfig } from '../../src/config.ts'
import { createKeeper } from '../../src/ops/data-keys/keeper.ts'
import { openDataKeyRoom } from '../../src/ops/data-keys/room.ts'
import { examine } from '../../src/ops/doctor/examine.ts'
import { makeDataKey } from '../../src/platform/keys/data-key-rows.ts'
import { KeyEncryptionKeyError } from '../../src/platform/keys/data-keys.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import { createTestDatabase } from '../support/database.ts'
import { openDatabase } from '../support/raw-database.ts'

const [OLD, NEW, OTHER] = [randomBytes(32), randomBytes(32), randomBytes(32)].map((key) =>
  key.toString('hex')
) as [string, string, string]
const BOTH = { KEY_ENCRYPTION_KEY: NEW, KEY_ENCRYPTION_KEY_PREVIOUS: OLD }

async function given(t: Test, keysDir = t.testdir({})) {
  const { url } = await createTestDatabase(t)
  const database = await openDatabase(t, url)

  /** What the keeper of a server does with these settings when it starts. */
  async function start(env: Record<string, string>) {
    const config = readConfig({ KEYS_DIR: keysDir, ...env })
    const platform = await openPlatform({ ...config, databaseUrl: url }, () => undefined)
    t.teardown(platform.close)
    const room = openDataKeyRoom(platform, config, createAudit(platform))
    const { keys } = room
    const { round } = createKeeper(room.stands)
    const changed = { rewrapped: await keys.rewrap(true), forgotten: await keys.forgetPrevious() }
    return { ...changed, platform, keys, round, later: () => keys.rewrap(false) }
  }

  async function doctor(env: Record<string, string>): Promise<string[]> {
    const found = await examine({ DATABASE_URL: url, KEYS_DIR: keysDir, ...env })
    return found.flatMap(({ check, says, todo }) => (check === 'keys' ? [says, todo ?? ''] : []))
  }

  return { ...database, start, doctor, keysDir }
}

void t.test(
  'a change of the key-encryption key: every server starts at every moment',
  async (t) => {
    const { start, doctor, sql } = await given(t)
    const before = await start({ KEY_ENCRYPTION_KEY: OLD })
    const key = before.platform.dataKeys.newest('sealing').toString('hex')

    t.equal((await start(BOTH)).rewrapped, 8, 'the first one with both wraps all keys anew')
    t.equal((await start(BOTH)).rewrapped, 0, 'the next one finds that done')
    const late = await start({ KEY_ENCRYPTION_KEY: OLD })
    t.equal(
      late.platform.dataKeys.newest('sealing').toString('hex'),
      key,
      'an old one starts again'
    )
    t.match(await doctor(BOTH), [/opens all/, '', /8 data keys open with .* before, too/, /can go/])

    await late.keys.rotate('sealing')
    t.match(await doctor(BOTH), [
      /All 9 data keys open, 1 of them not with/,
      '',
      /1 data key of 9 opens only with another/,
      /Keep/
    ])
    t.match(
      await sql(
        `SELECT request_id, address_sealed FROM audit_event WHERE type = 'data_key.rotated'`
      ),
      [{ request_id: 'npm run keys', address_sealed: Buffer }],
      'who asked for it stands in the trail'
    )
    const running = await start(BOTH)
    t.equal(running.rewrapped, 1, 'a key that an old one has made is wrapped anew')
    t.equal(running.platform.dataKeys.newest('sealing').toString('hex'), key)

    t.equal(
      (await start({ KEY_ENCRYPTION_KEY: NEW })).forgotten,
      9,
      'without the previous: it is over'
    )
    t.strictSame(await sql('SELECT id FROM data_key WHERE previous_sealed_key IS NOT NULL'), [])
    await t.rejects(start({ KEY_ENCRYPTION_KEY: OLD }), KeyEncryptionKeyError)
    t.match(await doctor(BOTH), [/opens all/, '', /under KEY_ENCRYPTION_KEY alone/, /can go/])
    const events = await sql(
      `SELECT type, details FROM audit_event WHERE type LIKE 'key_encryption_key.%' ORDER BY at, id`
    )
    t.match(events, [
      { type: 'key_encryption_key.changed', details: { keys: 8 } },
      { type: 'key_encryption_key.changed', details: { keys: 1 } },
      { type: 'key_encryption_key.forgotten', details: { keys: 9 } }
    ])
  }
)

void t.test(
  'servers with the two keys the other way round: take nothing from each other',
  async (t) => {
    const { start } = await given(t)
    await start({ KEY_ENCRYPTION_KEY: OLD })
    const forward = await start(BOTH)
    const back = await start({ KEY_ENCRYPTION_KEY: OLD, KEY_ENCRYPTION_KEY_PREVIOUS: NEW })
    t.equal(back.rewrapped, 8, 'the way back is open')
    t.equal(await forward.later(), 0)
    t.equal(await back.later(), 0)
    await forward.platform.dataKeys.reload()
  }
)

void t.test('a key made by a server that still has the one before: forgets it, too', async (t) => {
  const { start, sql } = await given(t)
  const late = await start(BOTH)
  const alone = await start({ KEY_ENCRYPTION_KEY: NEW })
  await alone.round()
  const { postgres, dataKeys } = late.platform
  await postgres.transaction((tx) => makeDataKey(tx, 'sealing', dataKeys.keks))
  t.equal((await sql('SELECT id FROM data_key WHERE previous_sealed_key IS NOT NULL')).length, 1)
  await alone.round()
  t.same(await sql('SELECT id FROM data_key WHERE previous_sealed_key IS NOT NULL'), [])
})

void t.test('a new data key while the one before is set: refused', async (t) => {
  const { start } = await given(t)
  const { keys } = await start(BOTH)
  t.equal((await keys.rotate('sealing')).kind, 'kek_changing')
})

void t.test('keys that neither opens: refused, and nothing is made or changed', async (t) => {
  const { start, sql } = await given(t)
  await start({ KEY_ENCRYPTION_KEY: OLD })
  const rows = () => sql('SELECT * FROM data_key ORDER BY id')
  const before = await rows()
  const wrong = { KEY_ENCRYPTION_KEY: NEW, KEY_ENCRYPTION_KEY_PREVIOUS: OTHER }
  await t.rejects(start(wrong), { message: /nor does KEY_ENCRYPTION_KEY_PREVIOUS/ })
  await t.rejects(start({ KEY_ENCRYPTION_KEY: NEW }), KeyEncryptionKeyError)
  t.strictSame(await rows(), before)
  t.throws(() => readConfig({ KEY_ENCRYPTION_KEY: OLD, KEY_ENCRYPTION_KEY_PREVIOUS: OLD }), {
    message: /KEY_ENCRYPTION_KEY_PREVIOUS must be another key/
  })
})

void t.test(
  'the files of development: kek.previous opens, and no kek is made beside it',
  async (t) => {
    const { start, sql, keysDir } = await given(t)
    await mkdir(keysDir, { recursive: true })
    await start({})
    await rename(`${keysDir}/kek`, `${keysDir}/kek.previous`)
    await t.rejects(start({}), { message: /put the file kek back/ })
    t.strictSame(await readdir(keysDir), ['kek.previous'])
    await writeFile(`${keysDir}/kek`, Buffer.from(NEW, 'hex').toString('base64'))
    t.equal((await start({})).rewrapped, 8)
    t.equal((await sql('SELECT DISTINCT kek_id FROM data_key')).length, 1)
  }
)
