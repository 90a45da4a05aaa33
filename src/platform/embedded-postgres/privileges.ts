import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const NOBODY = 65534
const run = promisify(execFile)

/**
 * Runs one of Postgres' programs. They refuse to run as root, so root becomes somebody else first:
 * the owner of the data, or nobody where there is no data yet.
 *
 * @throws with what the program wrote to stderr
 */
export async function runAsPostgres(clusterDir: string, program: string, args: string[]) {
  const [command, ...rest] = [...(await unprivileged(clusterDir, program)), program, ...args]
  try {
    // Nothing of the caller's PG* variables, locale or working directory reaches the server.
    await run(command ?? program, rest, {
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' }
    })
  } catch (cause) {
    const { stderr, code, message } = cause as { stderr?: string; code?: unknown; message: string }
    if (code === 'ENOENT') {
      throw new Error(
        `${command} cannot be run. Start Latchkey as an ordinary user, or set DATABASE_URL.`,
        { cause }
      )
    }
    throw new Error(stderr === undefined || stderr === '' ? message : stderr.trim(), { cause })
  }
}

async function unprivileged(clusterDir: string, program: string): Promise<string[]> {
  if (process.getuid?.() !== 0) return []
  const owner = await stat(clusterDir).catch(() => null)
  if (owner === null ? await isOpenToAll(program) : owner.uid !== 0) {
    return asUser(owner?.uid ?? NOBODY, owner?.gid ?? NOBODY)
  }
  // A namespace in which root is called nobody: it still passes the closed folders on the way.
  return ['unshare', '-U', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, '--']
}

/** The capability lets that user reach the data through folders that only root may enter. */
function asUser(uid: number, gid: number): string[] {
  const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override']
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...capability, '--']
}

/** Whether everybody may enter every folder above `path`. */
async function isOpenToAll(path: string): Promise<boolean> {
  const folder = dirname(path)
  if (folder === path) return true
  return ((await stat(folder)).mode & 0o001) !== 0 && isOpenToAll(folder)
}
