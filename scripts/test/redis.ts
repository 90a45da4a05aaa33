import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ADVICE =
  'The tests need redis-server: install it (for example: apt-get install redis-server).'

/** No package of npm brings Redis: where it is missing, Debian and Ubuntu install it in seconds. */
export async function ensureRedis(): Promise<void> {
  if (await isInstalled()) return
  const elevate = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  if (!existsSync('/usr/bin/apt-get')) throw new Error(ADVICE)
  console.log('redis-server is missing: installing it with apt-get')
  const apt = [...elevate, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq']
  try {
    await runAll([...apt, 'update'], [...apt, 'install', '-y', 'redis-server'])
  } catch (cause) {
    throw new Error(ADVICE, { cause })
  }
  if (!(await isInstalled())) throw new Error(ADVICE)
}

async function runAll(...commands: string[][]): Promise<void> {
  for (const [program = '', ...args] of commands) await run(program, args)
}

function isInstalled(): Promise<boolean> {
  return run('redis-server', ['--version']).then(
    () => true,
    () => false
  )
}
