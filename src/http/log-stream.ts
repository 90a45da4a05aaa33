import { setTimeout as delay } from 'node:timers/promises'

/** What a reader that stalls may leave waiting in memory. Beyond it lines are dropped, and counted. */
const WAITING_LIMIT = 4 * 1_024 * 1_024
/** A reader that is slow gets the rest at the end; one that is stuck does not keep the process. */
const LAST_LINES_MS = 2_000

const { stdout } = process
let lines = ''
let dropped = 0
let isReaderGone = false

/**
 * Standard output, once for all the lines of a turn of the event loop: a write of its own for each line took
 * longer than all else that a line costs. Nothing waits for more to come, so a crash loses no more than the
 * requests that were being answered. Whoever reads cannot stop the service: not by going away, not by stalling.
 */
export const logStream = {
  write(line: string): void {
    if (lines === '') setImmediate(flush)
    lines += line
  }
}

/** Before `process.exit`, which forgets what a pipe has not taken yet. */
export async function lastLines(): Promise<void> {
  flush()
  if (isReaderGone) return
  const written = new Promise<void>((resolve) => {
    stdout.write('', () => {
      resolve()
    })
  })
  await Promise.race([written, delay(LAST_LINES_MS)])
}

function flush(): void {
  const text = lines
  lines = ''
  if (text === '' || isReaderGone) return
  if (stdout.writableLength > WAITING_LIMIT) {
    dropped += text.split('\n').length - 1
    return
  }
  if (dropped > 0) {
    const msg = `${dropped} lines of the log were dropped: nobody read them`
    stdout.write(`${JSON.stringify({ level: 40, time: Date.now(), msg })}\n`)
    dropped = 0
  }
  stdout.write(text)
}

// Without a listener, a reader that goes away (EPIPE) would end the process.
stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') isReaderGone = true
})
process.stderr.on('error', () => undefined)
process.on('exit', flush)
