import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { prepareFolder } from '../folder.ts'
import { StartError } from '../start-error.ts'
import { findBinaries, type Binaries } from './binaries.ts'
import { runAsPostgres } from './privileges.ts'

/** One data folder of Postgres and the programs that make it and start a server on it. */
export type Cluster = {
  dir: string
  password: string
  start(settings: Record<string, string>): Promise<void>
}

/** Opens the cluster under `dataDir`, and makes it where there is none. */
export async function openCluster(dataDir: string, log: (line: string) => void): Promise<Cluster> {
  const binaries = await findBinaries()
  await prepareFolder(dataDir, 'DATA_DIR')
  const home = await realpath(dataDir)
  const dir = join(home, 'postgres')
  if ((await stat(join(dir, 'PG_VERSION')).catch(() => null)) === null) {
    log(`creating the embedded Postgres in ${dir}`)
    await createCluster(home, dir, binaries)
  }
  return {
    dir,
    password: await readPassword(home, dir),
    start: async (settings) => {
      const options = {
        ...settings,
        port: String(await freePort()),
        listen_addresses: '127.0.0.1',
        unix_socket_directories: ''
      }
      const flags = Object.entries(options).map(([name, value]) => `-c ${name}='${value}'`)
      const args = ['-D', dir, '-w', '-l', join(dir, 'server.log'), '-o', flags.join(' '), 'start']
      await runAsPostgres(dir, binaries.pg_ctl, args)
    }
  }
}

/**
 * Beside the final place, then renamed: of two first starts at once one wins, and the other throws
 * its folder away. The password travels inside, so the winner's is the one that counts.
 */
async function createCluster(home: string, dir: string, { initdb }: Binaries): Promise<void> {
  const workshop = await mkdtemp(join(home, '.postgres-'))
  try {
    const draft = join(workshop, 'postgres')
    const passwordFile = join(workshop, 'password')
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
    const encoding = ['-E', 'UTF8', '--locale=C', '-c', 'timezone=UTC']
    const access = ['-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`]
    await runAsPostgres(draft, initdb, ['-D', draft, ...encoding, ...access])
    await rename(passwordFile, join(draft, FRESH_PASSWORD))
    await rename(draft, dir).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    })
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
}

const FRESH_PASSWORD = 'latchkey.password'

async function readPassword(home: string, dir: string): Promise<string> {
  const file = join(home, 'postgres.password')
  await rename(join(dir, FRESH_PASSWORD), file).catch(() => null) // moved out before, mostly
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new StartError(
      'The file postgres.password of the embedded Postgres is not in DATA_DIR.',
      {
        cause
      }
    )
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
