import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A program that no package of npm brings, and the Debian package that does. */
export type NeededProgram = {
  program: string
  debianPackage: string
  /** How it tells its version. */
  versionFlag?: string
}

/** Where Debian keeps servers, which an ordinary user's PATH lacks. */
export const PATH_WITH_SERVERS = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** Where the program is missing, Debian and Ubuntu install it in seconds. @throws with what to do elsewhere */
export async function ensureProgram(needed: NeededProgram): Promise<void> {
  const { program, debianPackage } = needed
  if (await isInstalled(needed)) return
  const advice = `The tests need ${program}: install it (for example: apt-get install ${debianPackage}).`
  const elevate = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  if (!existsSync('/usr/bin/apt-get')) throw new Error(advice)
  console.log(`${program} is missing: installing it with apt-get`)
  const apt = [...elevate, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq']
  try {
    await runAll([...apt, 'update'], [...apt, 'install', '-y', debianPackage])
  } catch (cause) {
    throw new Error(advice, { cause })
  }
  if (!(await isInstalled(needed))) throw new Error(advice)
}

async function runAll(...commands: string[][]): Promise<void> {
  for (const [program = '', ...args] of commands) await run(program, args)
}

function isInstalled({ program, versionFlag = '--version' }: NeededProgram): Promise<boolean> {
  return run(program, [versionFlag], { env: { PATH: PATH_WITH_SERVERS } }).then(
    () => true,
    () => false
  )
}
