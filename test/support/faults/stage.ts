import type { Teardown } from '../database.ts'

export type Stage = Teardown & { close(): Promise<void> }

/** What tears down what was set up for it, last things first: for what runs outside of a test. */
export function openStage(): Stage {
  const tasks: (() => Promise<unknown> | undefined)[] = []
  return {
    teardown: (task) => tasks.push(task),
    async close() {
      for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
        await Promise.resolve(task()).catch((error: unknown) => {
          console.error(error)
        })
      }
    }
  }
}
