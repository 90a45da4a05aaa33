import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import t, { type Test } from 'tap'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder } from '../support/folder.ts'
import { startServer } from '../support/server.ts'

const SCHED_OTHER = 0
const SCHED_IDLE = 5

const database = await createTestDatabase(t)
const keyEncryptionKey = randomBytes(32).toString('hex')
const skip = process.platform !== 'linux' || availableParallelism() < 2

/** A server in production's own process: what it does to its threads lasts. */
async function start(t: Test, env: Record<string, string> = {}) {
  const server = await startServer(t, {
    DATABASE_URL: database.url,
    KEY_ENCRYPTION_KEY: keyEncryptionKey,
    DATA_DIR: await givenFolder(t),
    ...env
  })
  /** How the threads that hash are scheduled, and the others: each kind once. proc_pid_stat(5), fields 19 and 41. */
  const threads = () => {
    const [pool, others] = [new Set<string>(), new Set<string>()]
    for (const id of readdirSync(`/proc/${server.pid}/task`)) {
      const stat = readFileSync(`/proc/${server.pid}/task/${id}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const kind = stat.includes('(libuv-worker)') ? pool : others
      kind.add(`niceness ${fields[16]}, policy ${fields[38]}`)
    }
    return { pool: [...pool], others: [...others] }
  }
  return { ...server, threads }
}

const others = [`niceness 0, policy ${SCHED_OTHER}`]
const nice = { pool: [`niceness 15, policy ${SCHED_OTHER}`], others }

void t.test(
  'the threads that hash, nothing set: are nicer than those that answer',
  { skip },
  async (t) => {
    const { threads } = await start(t)
    t.strictSame(threads(), nice)
  }
)

void t.test(
  'ARGON2_SCHEDULING=idle: they leave the cores at once, those that answer do not',
  { skip },
  async (t) => {
    const { threads } = await start(t, { ARGON2_SCHEDULING: 'idle' })
    const idle = `niceness 15, policy ${SCHED_IDLE}`
    await eventually('all of the pool', () => Promise.resolve(threads().pool.join() === idle))
    t.strictSame(threads(), { pool: [idle], others })
  }
)

void t.test(
  'ARGON2_SCHEDULING=idle, no chrt: they are nicer, and the log says which setting is not in force',
  { skip },
  async (t) => {
    const { threads, output } = await start(t, { ARGON2_SCHEDULING: 'idle', PATH: '/nowhere' })
    await eventually('a line', () =>
      Promise.resolve(output().includes('ARGON2_SCHEDULING=idle is not in force'))
    )
    t.strictSame(threads(), nice)
  }
)
