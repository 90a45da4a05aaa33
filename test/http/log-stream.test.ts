import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'

const MODULE = join(import.meta.dirname, '../../src/http/log-stream.ts')
const LINE = `{"level":30,"msg":"${'a'.repeat(1_000)}"}`

/** A process that writes `turns` turns of a hundred lines, and then does the rest. Nobody reads yet. */
function startWriter(t: Test, turns: number, rest: string): ChildProcess {
  const program = `
    const log = await import(${JSON.stringify(MODULE)})
    for (let turn = 0; turn < ${turns}; turn += 1) {
      for (let i = 0; i < 100; i += 1) log.logStream.write(${JSON.stringify(`${LINE}\n`)})
      await new Promise(setImmediate)
    }
    ${rest}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

void t.test('whoever reads the log goes away: the process goes on', async (t) => {
  const child = startWriter(t, 50, `process.send('still here'); process.disconnect()`)
  child.stdout?.destroy()
  const exit = once(child, 'exit')
  t.match(await Promise.race([once(child, 'message'), exit]), ['still here'])
  t.strictSame(await exit, [0, null])
})

void t.test('whoever reads the log stalls: lines are dropped and counted, not kept', async (t) => {
  const child = startWriter(
    t,
    2_000,
    `process.send(process.memoryUsage().rss)
     await new Promise((resolve) => process.once('message', resolve))
     await new Promise((resolve) => setTimeout(resolve, 500))
     log.logStream.write('{"msg":"the last"}\\n')
     await log.lastLines()
     process.exit(0)`
  )
  const [rss] = (await once(child, 'message')) as [number]
  t.ok(rss < 200 * 1_024 * 1_024, `${Math.round(rss / 1_024 / 1_024)} MiB after 200 MB of lines`)
  let read = ''
  child.stdout?.on('data', (chunk) => (read += String(chunk)))
  child.send('read')
  await once(child, 'close')
  const kept = read.split(LINE).length - 1
  const dropped = Number(/"msg":"(\d+) lines of the log were dropped/.exec(read)?.[1])
  t.equal(kept + dropped, 200_000)
  t.match(read, /"the last"/)
})

void t.test('an end while the reader is slow: every line is written', async (t) => {
  const child = startWriter(t, 30, 'await log.lastLines(); process.exit(0)')
  let read = ''
  await delay(700)
  child.stdout?.on('data', (chunk) => (read += String(chunk)))
  await once(child, 'close')
  t.equal(read.split(LINE).length - 1, 3_000)
})
