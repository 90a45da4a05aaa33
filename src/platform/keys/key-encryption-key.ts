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

/** The key-encryption key, and during a change of it the one before, which opens but wraps nothing by itself. */
export type KeyEncryptionKeys = { current: NamedKey; previous: NamedKey | null }

export type KeySources = {
  /** From the settings; where they are undefined, the files in `keysDir` count. */
  keyEncryptionKey: Buffer | undefined
  keyEncryptionKeyPrevious?: Buffer | undefined
  keysDir: string
}

/** @returns null when there is no current one: the previous alone opens nothing, and none is made here */
export async function findKeyEncryptionKeys(
  sources: KeySources
): Promise<KeyEncryptionKeys | null> {
  const { keyEncryptionKey, keyEncryptionKeyPrevious, keysDir } = sources
  const current = keyEncryptionKey ?? (await readKeyFile(keysDir))
  if (current === null) return null
  const previous = keyEncryptionKeyPrevious ?? (await readKeyFile(keysDir, 'kek.previous'))
  const isChanging = previous !== null && !previous.equals(current)
  return { current: nameKey(current), previous: isChanging ? nameKey(previous) : null }
}

/**
 * A key kept in `keysDir`, or null when it is not there.
 * @throws {StartError} when it is there and cannot be read
 */
async function readKeyFile(
  keysDir: string,
  name: 'kek' | 'kek.previous' = 'kek'
): Promise<Buffer | null> {
  const text = await readFile(join(keysDir, name), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw folderUnusable(`The file ${name} in KEYS_DIR`, error)
  })
  if (text === null) return null
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== 32) {
    throw new StartError(`The file ${name} in KEYS_DIR does not hold 32 bytes in base64.`)
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
