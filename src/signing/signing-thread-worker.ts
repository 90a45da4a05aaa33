import { sign } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import type { Asked, Signed } from './signing-thread.ts'

parentPort?.on('message', ({ id, digest, text, key }: Asked) => {
  const signature = sign(digest, Buffer.from(text), key)
  parentPort?.postMessage({ id, signature } satisfies Signed)
})
