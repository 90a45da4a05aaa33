import { execFile } from 'node:child_process'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { applyMigrations } from '../../src/platform/migrate.ts'
import type { Teardown } from '../support/database.ts'
import { givenFolder } from '../support/folder.ts'
import { basesOf, startServers } from '../support/faults/world.ts'
import { createScenario, ScenarioSkipped, type Scenario } from './scenario.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SIDE_BY_SIDE_MS = 6_000
const STOPPING_MS = 1_000
const run = promisify(execFile)
const git = async (...args: string[]) => (await run('git', args, { cwd: ROOT })).stdout.trim()

/**
 * F7. The previous release is what stood before the newest migrations: servers of it run on their own schema, the
 * new migrations are applied under them, servers of today join them on the same database, and take over.
 */
export const UPGRADE: Scenario[] = [
  createScenario({
    name: 'upgrade',
    title:
      'F7 the newest migrations applied under the previous servers, new ones beside them, then alone',
    world: async (t) => {
      const cwd = await givenPreviousRelease(t)
      return {
        cwd,
        migrate: async (databaseUrl) => {
          const env = { PATH: process.env['PATH'], DATABASE_URL: databaseUrl }
          await run(process.execPath, ['scripts/migrate.ts'], { cwd, env })
        }
      }
    },
    fault: async ({ postgres, servers: previous, env }, ledger, t) => {
      const { applied } = await applyMigrations({ databaseUrl: postgres.url })
      const notes = applied.length > 0 ? [] : ['no migration was new']
      const servers = await startServers(t, env, 2)
      ledger.state.bases.push(...basesOf(servers))
      await delay(SIDE_BY_SIDE_MS)
      // As a balancer does: nothing new goes to those that are about to stop.
      ledger.state.bases = basesOf(servers)
      await delay(STOPPING_MS)
      for (const { kill } of previous) {
        const code = await kill('SIGTERM')
        if (code !== 0) notes.push(`exit code ${code}`)
      }
      return notes
    },
    promises: { alwaysServes: true }
  })
]

/** The files of the commit before the newest change of the schema, ready to run. @throws {ScenarioSkipped} */
async function givenPreviousRelease(t: Teardown): Promise<string> {
  const commit = await findPrevious()
  const folder = await givenFolder(t)
  await run('sh', ['-c', 'git archive "$0" | tar -x -C "$1"', commit, folder], { cwd: ROOT })
  const isSameLock = await git('diff', '--quiet', commit, 'HEAD', '--', 'package-lock.json').then(
    () => true,
    () => false
  )
  if (isSameLock) await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  else await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder })
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true' }
  await run(join(folder, 'node_modules/.bin/prisma'), ['generate'], { cwd: folder, env })
  return folder
}

async function findPrevious(): Promise<string> {
  try {
    const newest = await git(
      'log',
      '-1',
      '--first-parent',
      '--diff-filter=A',
      '--format=%H',
      '--',
      'prisma/migrations'
    )
    return await git('rev-parse', '--verify', `${newest}^`)
  } catch (cause) {
    throw new ScenarioSkipped(
      'the commit before the newest migration is not here (a shallow clone, or no clone at all)',
      { cause }
    )
  }
}
