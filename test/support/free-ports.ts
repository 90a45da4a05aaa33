import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Free ports below those that the kernel hands out; a cluster's bus takes the one 10,000 above each. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(10_000, 20_000)
    if ((await isFree(port)) && (await isFree(port + 10_000))) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1')
  const isOurs = await once(probe, 'listening').then(
    () => true,
    () => false
  )
  if (!isOurs) return false
  probe.close()
  await once(probe, 'close')
  return true
}
