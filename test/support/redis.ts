import type { Teardown } from './database.ts'
import { createNode, start } from './redis-node.ts'
import { freePort } from './server.ts'

export type TestRedis = Awaited<ReturnType<typeof startRedis>>

/** A real Redis of the test's own (`settings` as in redis.conf), with handles for what goes wrong in the world. */
export async function startRedis(t: Teardown, settings: Record<string, string> = {}) {
  const port = await freePort()
  const node = createNode(t, port, () => start(port, settings))
  await node.start()

  /** The same port, and nothing remembered. */
  async function restart(): Promise<void> {
    await node.kill()
    await node.start()
  }

  return { ...node, restart, flush: () => node.send('FLUSHALL') }
}
