import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const MODULE = join(import.meta.dirname, '../../src/platform/thread-priority.ts')

/** In a process of its own: a priority that was lowered stays so. The 19th field of `stat` is the niceness. */
const SCRIPT = `
  import { pbkdf2 } from 'node:crypto'
  import { readdirSync, readFileSync } from 'node:fs'
  import { lowerPoolPriority } from ${JSON.stringify(MODULE)}
  pbkdf2('password', 'salt', 1, 32, 'sha256', () => {
    lowerPoolPriority()
    const threads = readdirSync('/proc/self/task').map((id) => {
      const read = (file) => readFileSync('/proc/self/task/' + id + '/' + file, 'utf8')
      const fields = read('stat').slice(read('stat').lastIndexOf(')') + 2).split(' ')
      return { isPool: read('comm').trim() === 'libuv-worker', niceness: Number(fields[16]) }
    })
    console.log(JSON.stringify(threads))
  })`

void t.test(
  'the threads that hash: step back, those that answer do not',
  { skip: process.platform !== 'linux' },
  (t) => {
    const args = ['--input-type=module', '--eval', SCRIPT]
    const output = execFileSync(process.execPath, args, { encoding: 'utf8' })
    const threads = JSON.parse(output) as { isPool: boolean; niceness: number }[]
    const nicenessOf = (isPool: boolean) =>
      new Set(threads.filter((one) => one.isPool === isPool).map(({ niceness }) => niceness))
    t.strictSame([...nicenessOf(true)], [15])
    t.notOk(nicenessOf(false).has(15))
    t.end()
  }
)
