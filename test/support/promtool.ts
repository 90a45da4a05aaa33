import { spawnSync } from 'node:child_process'

/** Prometheus' own parser and rule engine. @returns what it said, and whether it was content */
export function promtool(...args: string[]): { isContent: boolean; said: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  return { isContent: status === 0, said: stdout + stderr }
}
