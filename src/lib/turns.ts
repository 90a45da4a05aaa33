import { createGate, type Gate } from './gate.ts'

/** One job at a time per key; up to `queueLength` wait, the next one is refused ({@link GateFullError}). */
export function createTurns(queueLength: number) {
  const lines = new Map<string, { run: Gate; users: number }>()

  return async function inTurn<T>(key: string, job: () => Promise<T>): Promise<T> {
    const line = lines.get(key) ?? { run: createGate({ concurrency: 1, queueLength }), users: 0 }
    lines.set(key, line)
    line.users += 1
    try {
      return await line.run(job)
    } finally {
      line.users -= 1
      if (line.users === 0) lines.delete(key)
    }
  }
}
