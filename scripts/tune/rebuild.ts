import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PACKAGE = dirname(createRequire(import.meta.url).resolve('argon2'))
const BUILD = join(PACKAGE, 'build')

/**
 * Builds argon2 from the source that its package brings, for this machine's vector instructions. No network.
 * @param machine as the compiler's `-march` takes it
 * @returns why not, or null
 */
export async function rebuildArgon2(machine: string): Promise<string | null> {
  const flags = `-O3 -march=${machine}`
  const env = {
    ...process.env,
    CFLAGS: flags,
    CXXFLAGS: flags,
    npm_config_build_from_source: 'true',
    npm_config_nodedir: headersDir()
  }
  try {
    // The package's own script, run on purpose: `npm rebuild` obeys `allowScripts`, which keeps it from installs.
    await run('npm', ['run', 'install'], { cwd: PACKAGE, env, timeout: 300_000 })
  } catch (error) {
    await forgetBuild()
    const { stderr = '' } = error as { stderr?: string }
    const reason = /(not found.*|error: .*|gyp ERR! stack .*)/i.exec(stderr)?.[0]
    return reason ?? 'its install script failed'
  }
  if (!existsSync(join(BUILD, 'Release/argon2.node'))) {
    await forgetBuild()
    return 'its install script built nothing'
  }
  await dropRemains()
  return null
}

/** The shipped binary loads again. */
export async function forgetBuild(): Promise<void> {
  await rm(BUILD, { recursive: true, force: true })
}

/** Only the binary is needed. */
async function dropRemains(): Promise<void> {
  const release = join(BUILD, 'Release')
  const remains = [
    ...(await readdir(BUILD)).filter((name) => name !== 'Release').map((name) => join(BUILD, name)),
    ...(await readdir(release))
      .filter((name) => name !== 'argon2.node')
      .map((name) => join(release, name))
  ]
  for (const path of remains) await rm(path, { recursive: true, force: true })
}

/** Where the headers of the Node that runs this lie: beside it, or where Debian puts them. */
function headersDir(): string {
  const { platform, arch, execPath } = process
  const beside = join(dirname(execPath), '..')
  const ofPackage = join(beside, 'node_modules', `node-${platform}-${arch}`)
  const found = [ofPackage, beside].find((dir) => existsSync(join(dir, 'include/node/node.h')))
  return found ?? '/usr'
}
