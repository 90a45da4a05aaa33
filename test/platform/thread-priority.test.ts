import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const MODULE = join(import.meta.dirname, '../../src/platform/thread-priority.ts')
const SCHED_OTHER = 0
const SCHED_IDLE = 5

type Thread = { isPool: boolean; niceness: number; policy: number }

/** In a process of its own: a priority that was lowered stays so. proc_pid_stat(5): fields 19 and 41. */
const SCRIPT = `
  import { pbkdf2 } from 'node:crypto'
  import { readdirSync, readFileSync } from 'node:fs'
  import { lowerPoolPriority } from ${JSON.stringify(MODULE)}
  pbkdf2('password', 'salt', 1, 32, 'sha256', async () => {
    await lowerPoolPriority()
    const threads = readdirSync('/proc/self/task').map((id) => {
      const read = (file) => readFileSync('/proc/self/task/' + id + '/' + file, 'utf8')
      const fields = read('stat').slice(read('stat').lastIndexOf(')') + 2).split(' ')
      const [niceness, policy] = [Number(fields[16]), Number(fields[38])]
      return { isPool: read('comm').trim() === 'libuv-worker', niceness, policy }
    })
    console.log(JSON.stringify(threads))
  })`

const NODE = [process.execPath, '--input-type=module', '--eval', SCRIPT]
/** As a service is started: `setsid` becomes it. */
const SERVICE = ['setsid', ...NODE]

function threadsAfter([program = '', ...args]: string[], env = process.env) {
  const threads = JSON.parse(execFileSync(program, args, { encoding: 'utf8', env })) as Thread[]
  const ofPool = threads.filter(({ isPool }) => isPool)
  return { ofPool, others: threads.filter(({ isPool }) => !isPool) }
}

const policies = (threads: Thread[]) => [...new Set(threads.map(({ policy }) => policy))]
const nicenesses = (threads: Thread[]) => [...new Set(threads.map(({ niceness }) => niceness))]
const skip = process.platform !== 'linux'

void t.test(
  'the threads that hash, of a service: leave the cores at once, those that answer do not',
  { skip },
  (t) => {
    const { ofPool, others } = threadsAfter(SERVICE)
    t.strictSame(policies(ofPool), [SCHED_IDLE])
    t.strictSame(policies(others), [SCHED_OTHER])
    t.end()
  }
)

void t.test(
  'the threads that hash, of a program beside others: are nicer, and go on beside them',
  { skip },
  (t) => {
    const { ofPool, others } = threadsAfter(NODE)
    t.strictSame(nicenesses(ofPool), [15])
    t.strictSame(policies(ofPool), [SCHED_OTHER])
    t.notOk(nicenesses(others).includes(15))
    t.end()
  }
)

void t.test('the threads that hash, of a service without chrt: are nicer', { skip }, (t) => {
  const { ofPool, others } = threadsAfter(['/usr/bin/setsid', ...NODE], { PATH: '/nowhere' })
  t.strictSame(nicenesses(ofPool), [15])
  t.strictSame(policies(ofPool), [SCHED_OTHER])
  t.notOk(nicenesses(others).includes(15))
  t.end()
})
