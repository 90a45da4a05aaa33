import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A program that no package of npm brings, and the Debian package that does. */
export type NeededProgram = { program: string; debianPackage: string }

/** Where the program is missing, Debian and Ubuntu install it in seconds. @throws with what to do elsewhere */
export async function ensureProgram({ program, debianPackage }: NeededProgram): Promise<void> {
  if (await isInstalled(program)) return
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
  if (!(await isInstalled(program))) throw new Error(advice)
}

async function runAll(...commands: string[][]): Promise<void> {
  for (const [program = '', ...args] of commands) await run(program, args)
}

function isInstalled(program: string): Promise<boolean> {
  return run(program, ['--version']).then(
    () => true,
    () => false
  )
}
