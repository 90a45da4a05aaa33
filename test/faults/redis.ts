import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createScenario, redisIsBack, type Scenario } from './scenario.ts'

const FAULT_MS = 6_000
/** SECURITY F1. */
const promises = { alwaysServes: true, addedMs: 250, recoverySeconds: 5 }
const recovered = redisIsBack

/** F1: the service goes on. F2: nothing that was revoked, locked or spent is forgotten. */
export const REDIS: Scenario[] = [
  createScenario({
    name: 'redis-refused',
    title: 'F1 Redis killed, back empty after 6 s',
    fault: async ({ redis }) => {
      await redis.kill()
      await delay(FAULT_MS)
      await redis.restart()
      return []
    },
    recovered,
    promises
  }),
  createScenario({
    name: 'redis-frozen',
    title: 'F1 Redis frozen for 6 s',
    fault: async ({ redis }) => {
      redis.freeze()
      await delay(FAULT_MS)
      redis.thaw()
      return []
    },
    recovered,
    promises
  }),
  createScenario({
    name: 'redis-flushed',
    title: 'F2 Redis flushed five times a second, 6 s',
    fault: async ({ redis }) => {
      for (let flush = 0; flush < 30; flush += 1) {
        await redis.flush()
        await delay(200)
      }
      return []
    },
    promises: { alwaysServes: true }
  }),
  createScenario({
    name: 'redis-restarted',
    title: 'F2 Redis killed and started empty, three times',
    fault: async ({ redis }) => {
      for (let restart = 0; restart < 3; restart += 1) {
        await redis.restart()
        await delay(2_000)
      }
      return []
    },
    recovered,
    promises
  }),
  createScenario({
    name: 'redis-evicting',
    title: 'F2 Redis full, evicting any key (allkeys-lru), 6 s',
    world: { redis: { maxmemory: '3mb', 'maxmemory-policy': 'allkeys-lru' } },
    fault: async ({ redis }) => {
      const evicted = await fillUp(redis.port, FAULT_MS)
      return evicted > 10_000 ? [] : [`only ${evicted} keys were evicted`]
    },
    promises: { alwaysServes: true }
  })
]

/** Writes strangers' keys for so long. @returns how many keys Redis has thrown out */
async function fillUp(port: number, durationMs: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' })
  let received = ''
  socket.on('data', (chunk) => (received = (received + String(chunk)).slice(-20_000)))
  const until = performance.now() + durationMs
  for (let batch = 0; performance.now() < until; batch += 1) {
    const keys = Array.from({ length: 500 }, (_, index) => `junk:${batch}:${index}`)
    socket.write(keys.map((key) => `SET ${key} ${'x'.repeat(512)}\r\n`).join(''))
    await delay(20)
  }
  socket.write('INFO stats\r\n')
  await delay(500)
  socket.destroy()
  return Number(/evicted_keys:(\d+)/.exec(received)?.[1] ?? 0)
}
