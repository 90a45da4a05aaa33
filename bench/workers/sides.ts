import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../test/support/server.ts'
import { openLatchkey, startServer, type Latchkey } from '../speed/latchkey.ts'
import type { Subject } from '../speed/operations.ts'
import type { Place } from '../speed/place.ts'
import type { Program } from '../speed/process-usage.ts'
import { latchkeySubject } from '../speed/subjects/latchkey.ts'

/** Servers that are asked together, each by as many connections: as much for one process on any side. */
export type Side = {
  name: 'one' | 'two replicas' | 'two workers'
  programs: Program[]
  /** One for each process that answers; of workers, the same port twice. */
  targets: Subject[]
}

const CORES = availableParallelism()

/**
 * One process on the first core; two replicas, and two workers, on the first two. Where there are four, everything else
 * has the others to itself.
 */
export async function openSides(place: Place): Promise<Side[]> {
  const one = await openLatchkey(place)
  const replicas = [await another(place, one), await another(place, one)]
  const workers = await another(place, one, { WORKERS: '2' })
  const subject = await latchkeySubject(one)
  const [left, right] = await Promise.all(replicas.map(latchkeySubject))
  const cluster = await latchkeySubject(workers)
  if (left === undefined || right === undefined) throw new Error('Two replicas are two.')

  pin(process.pid, rest())
  pin(place.programs.postgres.pid, rest())
  pin(place.programs.redis.pid, rest())
  pin(one.program.pid, '0')
  pin(left.program.pid, '0')
  pin(right.program.pid, '1')
  pin(workers.program.pid, '0,1') // the primary answers nobody
  for (const [n, worker] of childrenOf(workers.program.pid).entries()) pin(worker, String(n % 2))
  return [
    { name: 'one', programs: [one.program], targets: [subject] },
    {
      name: 'two replicas',
      programs: replicas.map(({ program }) => program),
      targets: [left, right]
    },
    { name: 'two workers', programs: [workers.program], targets: [cluster, cluster] }
  ]
}

/** On the same database, with the same clients. */
async function another(
  place: Place,
  latchkey: Latchkey,
  extra: Record<string, string> = {}
): Promise<Latchkey> {
  const port = await freePort()
  const env = { ...latchkey.env, ...extra, PORT: String(port) }
  const started = await startServer(env, join(place.folder, `server-${port}.log`))
  place.onClose(started.stop)
  return { ...latchkey, ...started, env, port }
}

const rest = () => (CORES >= 4 ? `2-${CORES - 1}` : `0-${CORES - 1}`)

/** A process with its threads and children; what it starts later inherits it. */
function pin(pid: number, cores: string): void {
  for (const member of family(pid)) {
    execFileSync('taskset', ['-a', '-c', '-p', cores, String(member)], { stdio: 'ignore' })
  }
}

const family = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(family)]

function childrenOf(pid: number): number[] {
  try {
    const listed = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
    return listed
      .split('\n')
      .map(Number)
      .filter((child) => child > 0)
  } catch {
    return [] // ps says 1 where there are none
  }
}
