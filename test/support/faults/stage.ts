import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

/** A folder that is gone afterwards. */
export async function givenFolder(t: Teardown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-fault-'))
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  return folder
}
