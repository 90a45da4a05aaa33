import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const BENCH = join(import.meta.dirname, '..')

/** The servers that we are measured against have a lock file of their own, and are no dependency of ours. */
export function installPeers(): void {
  if (existsSync(join(BENCH, 'node_modules/.package-lock.json'))) return
  process.stderr.write('installing the peers: npm ci --prefix bench\n')
  const { status } = spawnSync('npm', ['ci', '--prefix', BENCH], { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('The peers cannot be installed. --no-peers measures without.')
}
