import type { Postgres } from './postgres.ts'

export type Clock = Awaited<ReturnType<typeof startClock>>

const NOW = { name: 'clock_now', text: 'SELECT latchkey_now() AS now' }

/**
 * Postgres' time, told from memory: replicas whose own clocks disagree still judge alike. Between two
 * readings it runs on the monotonic clock, so a step of the system time moves nothing.
 */
export async function startClock(postgres: Postgres) {
  let readAtMs = 0
  let postgresMs = 0

  /** Takes over a time that Postgres gave between the two moments of the monotonic clock. */
  function adopt(now: Date, askedAtMs: number, answeredAtMs: number): void {
    readAtMs = (askedAtMs + answeredAtMs) / 2
    postgresMs = now.getTime()
  }

  async function sync(): Promise<void> {
    const askedAtMs = performance.now()
    const [row] = await postgres.query<{ now: Date }>(NOW, [])
    if (row !== undefined) adopt(row.now, askedAtMs, performance.now())
  }

  await sync()
  return {
    now: () => new Date(postgresMs + performance.now() - readAtMs),
    sync
  }
}
