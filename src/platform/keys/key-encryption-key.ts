import { randomBytes } from 'node:crypto'
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { folderUnusable, prepareFolder } from '../folder.ts'
import { StartError } from '../start-error.ts'
import { sha256 } from '../../lib/secrets.ts'
import type { NamedKey } from '../../lib/aes-gcm.ts'

/** A key with the id that tells it from another one without telling anything about it. */
export function nameKey(key: Buffer): NamedKey {
  const fingerprint = sha256(Buffer.concat([Buffer.from('latchkey key-encryption key'), key]))
  return { id: fingerprint.toString('hex', 0, 4), key }
}

/**
 * The key kept in `keysDir`, or null when none was ever made there.
 * @throws {StartError} when it is there and cannot be read
 */
export async function readKeyFile(keysDir: string): Promise<Buffer | null> {
  const text = await readFile(join(keysDir, 'kek'), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw folderUnusable('The file kek in KEYS_DIR', error)
  })
  if (text === null) return null
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== 32) {
    throw new StartError('The file kek in KEYS_DIR does not hold 32 bytes in base64.')
  }
  return key
}

/**
 * Makes a key in `keysDir`, readable by its owner only. Of several servers that do so at once one wins
 * and all get its key: the file appears whole (link) or not at all.
 */
export async function makeKeyFile(keysDir: string): Promise<Buffer> {
  await prepareFolder(keysDir, 'KEYS_DIR')
  const draft = join(keysDir, `kek.${randomBytes(6).toString('hex')}`)
  await writeFile(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    await chmod(draft, 0o600)
    await link(draft, join(keysDir, 'kek'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
  const key = await readKeyFile(keysDir)
  if (key === null) throw new Error(`${join(keysDir, 'kek')} disappeared while it was made.`)
  return key
}
