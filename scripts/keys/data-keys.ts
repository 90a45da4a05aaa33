// What `npm run keys` does with data keys: list them, and have new ones take over.
import { createAudit } from '../../src/audit/record.ts'
import type { Config } from '../../src/config.ts'
import { utcSecond } from '../../src/lib/utc-text.ts'
import { openDataKeyRoom } from '../../src/ops/data-keys/room.ts'
import type { RowsLeft } from '../../src/ops/data-keys/rows-left-store.ts'
import { KEY_PURPOSES, type DataKey, type KeyPurpose } from '../../src/platform/keys/data-keys.ts'
import type { Platform } from '../../src/platform/open-platform.ts'
import { ScriptError } from '../support/run-script.ts'
import { table } from '../support/table.ts'

export const DATA_KEY_USAGE = `
  npm run keys -- rotate-data PURPOSE    a new data key for sealing, blind_index, refresh_mac … or for all

A new data key is announced, so that every server knows it, and then takes over; what lies under the old
one is brought along in the background. docs/encryption-keys.md tells what happens to each.`

export const DATA_KEY_COMMANDS = { 'rotate-data': ['PURPOSE'] }

/** Purposes that rotate; a pairwise subject never changes its name. */
const ROTATING = KEY_PURPOSES.filter((purpose) => purpose !== 'pairwise')

/** @throws {ScriptError} when nothing was announced */
export async function rotateDataKeys(platform: Platform, config: Config, word: string) {
  const purposes = word === 'all' ? ROTATING : [readPurpose(word)]
  const { keys } = openDataKeyRoom(platform, config, createAudit(platform))
  let announced = 0
  for (const purpose of purposes) {
    const outcome = await keys.rotate(purpose)
    switch (outcome.kind) {
      case 'announced':
        announced += 1
        console.log(
          `${purpose}: ${outcome.key.id} takes over at ${utcSecond(outcome.key.activeAt)}.`
        )
        break
      case 'under_way':
        console.log(`${purpose}: the last rotation is still under way. See npm run keys -- list.`)
        break
      case 'kek_changing':
        throw new ScriptError(
          'KEY_ENCRYPTION_KEY_PREVIOUS is set: a new data key would be sealed with that one, too. First remove it ' +
            'from every server, restart them, and wait until npm run doctor says that it can go.'
        )
      case 'never':
        console.log(`${purpose}: this key stays, or every client would meet strangers.`)
        break
    }
  }
  await platform.dataKeys.reload()
  if (announced === 0) throw new ScriptError('Nothing was rotated.')
}

function readPurpose(word: string): KeyPurpose {
  const purpose = KEY_PURPOSES.find((candidate) => candidate === word)
  if (purpose !== undefined) return purpose
  throw new ScriptError(`Say for what: all, or one of ${ROTATING.join(', ')}.`)
}

/** Each data key with what it is for, its age, and the rows that still need it. */
export async function printDataKeys(platform: Platform, config: Config): Promise<void> {
  const { countRowsLeft } = openDataKeyRoom(platform, config, createAudit(platform))
  const now = platform.clock.now()
  const left = await countRowsLeft()
  const { dataKeys } = platform
  const rows = dataKeys.all().map((key) => {
    const active = dataKeys.activeAt(key.purpose, now)
    return {
      'data key': key.id,
      for: key.purpose,
      is: key.activeAt > now ? 'announced' : key === active ? 'active' : 'older',
      since: utcSecond(key.activeAt),
      'rows left': key.activeAt < active.activeAt ? rowsOf(key, left) : ''
    }
  })
  console.log(table(rows))
}

/** The rows of one kind may need any of the older keys of their purpose. */
function rowsOf({ id, purpose }: DataKey, left: RowsLeft[]): string {
  const own = left.filter((one) => one.purpose === purpose && (one.keyId ?? id) === id)
  const rows = own.reduce((sum, one) => sum + one.rows, 0)
  return rows === 0 ? 'none' : `${rows} (${own.map(({ what }) => what).join(', ')})`
}
