import { access, constants, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StartError } from './start-error.ts'

const REFUSALS: Record<string, string> = {
  EEXIST: 'is no folder',
  ENOTDIR: 'lies under something that is no folder',
  EISDIR: 'is a folder',
  EACCES: 'may not be read and written by this process',
  EPERM: 'may not be read and written by this process',
  EROFS: 'lies on a read-only file system',
  ENOENT: 'cannot be made there',
  ENOSPC: 'lies on a full disk'
}

/**
 * Makes the folder that a setting names, with those above it, where there is none.
 * @throws {StartError} when it cannot be used
 */
export async function prepareFolder(path: string, setting: string): Promise<void> {
  try {
    await makeFolder(path)
    if (!(await stat(path)).isDirectory()) throw Object.assign(new Error(), { code: 'EEXIST' })
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw folderUnusable(setting, cause)
  }
}

/** What a failure at the folder or its files means, in a sentence. */
export function folderUnusable(setting: string, cause: unknown): StartError {
  const { code = 'unknown error' } = cause as NodeJS.ErrnoException
  return new StartError(`${setting} ${REFUSALS[code] ?? 'cannot be used'} (${code}).`, { cause })
}

/** Not `recursive`: under a file system that takes no folders, such as /proc, that never ends. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await mkdir(path, { mode: 0o700 }).catch((again: unknown) => {
      if ((again as NodeJS.ErrnoException).code !== 'EEXIST') throw again
    })
  }
}
