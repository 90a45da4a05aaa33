import type { KeyObject, SignKeyObjectInput } from 'node:crypto'
import { Worker } from 'node:worker_threads'

export type SigningThread = ReturnType<typeof createSigningThread>

/** As `node:crypto` signs `text`, with the key's own hash where `digest` is null. */
export type SigningJob = {
  digest: string | null
  text: string
  key: KeyObject | SignKeyObjectInput
}

/** What the thread is asked and what it says; the number tells whose signature it is. */
export type Asked = SigningJob & { id: number }
export type Signed = { id: number; signature: Uint8Array }

/** MiB. It holds a key and a few texts; V8 on its own would let its garbage grow to many times that. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16 }
/**
 * It makes some 3,000 a second, so the last of these waits for 20 ms where it has a core. More at once are for the pool's
 * threads, which hash and let everybody pass: few wait longer this way, if most a little.
 */
const MOST_WAITING = 64

/**
 * A thread of its own for signatures, at the priority of the main thread. The first one that is asked for starts it,
 * and does not wait for it.
 */
export function createSigningThread() {
  let thread: Worker | undefined
  let isReady = false
  let isClosed = false
  let lastId = 0
  const waiting = new Map<number, (signature: Buffer | null) => void>()

  function start(): Worker {
    const { NODE_COMPILE_CACHE } = process.env
    // No setting and no secret goes along but the key of each signature, which stays in this process.
    const started = new Worker(new URL('./signing-thread-worker.ts', import.meta.url), {
      // A thread takes a value that is none for the text "undefined", and makes a folder of that name.
      env: NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE },
      execArgv: [],
      resourceLimits: LIMITS
    })
    const forget = () => {
      if (thread !== started) return
      thread = undefined
      isReady = false
      for (const tell of waiting.values()) tell(null)
      waiting.clear()
    }
    started.unref()
    return started
      .on('online', () => {
        isReady = thread === started
      })
      .on('message', hear)
      .on('error', forget)
      .on('exit', forget)
  }

  function hear({ id, signature: { buffer, byteOffset, byteLength } }: Signed): void {
    waiting.get(id)?.(Buffer.from(buffer, byteOffset, byteLength))
    waiting.delete(id)
    if (waiting.size === 0) thread?.unref()
  }

  /** @returns null where it is not ready, has enough to do, or has ended: somebody else has to sign */
  async function sign(job: SigningJob): Promise<Buffer | null> {
    if (isClosed) return null
    thread ??= start()
    if (!isReady || waiting.size >= MOST_WAITING) return null
    const id = (lastId += 1)
    const asked = thread
    return new Promise((resolve) => {
      asked.postMessage({ ...job, id } satisfies Asked)
      asked.ref()
      waiting.set(id, resolve)
    })
  }

  async function close(): Promise<void> {
    isClosed = true
    await thread?.terminate()
  }

  return { sign, close }
}
