import { createGate, type Gate } from './gate.ts'

export type Turns<Shared> = ReturnType<typeof createTurns<Shared>>

/**
 * One job at a time per key; up to `queueLength` wait, the next one is refused ({@link GateFullError}).
 * @param makeShared what the jobs of one key share, for as long as any of them is there
 */
export function createTurns<Shared>(queueLength: number, makeShared: () => Shared) {
  const lines = new Map<string, { run: Gate; users: number; shared: Shared }>()

  return async function inTurn<T>(key: string, job: (shared: Shared) => Promise<T>): Promise<T> {
    const line = lines.get(key) ?? {
      run: createGate({ concurrency: 1, queueLength }),
      users: 0,
      shared: makeShared()
    }
    lines.set(key, line)
    line.users += 1
    try {
      return await line.run(() => job(line.shared))
    } finally {
      line.users -= 1
      if (line.users === 0) lines.delete(key)
    }
  }
}
