import type { Platform } from '../platform/open-platform.ts'
import { createAttemptStore } from './attempt-store.ts'
import { createFloodCounter } from './flood-limit.ts'
import { createGuessLaneStore } from './guess-lane-store.ts'
import { createGuessLanes } from './guess-lanes.ts'
import { createGuessLimit } from './guess-limit.ts'

export type Abuse = ReturnType<typeof openAbuse>

const CODE_GUESSES_PER_HOUR = 5

/** What counts guesses and floods. */
export function openAbuse({ postgres, ephemeral, dataKeys }: Platform) {
  const store = createAttemptStore(postgres)
  const limit = CODE_GUESSES_PER_HOUR
  return {
    countFlood: createFloodCounter({ ephemeral, dataKeys }),
    lanes: createGuessLanes({ store: createGuessLaneStore(postgres), dataKeys }),
    /** Wrong typed codes per address, over all codes of a kind. */
    limitCodeGuesses: (kind: string) =>
      createGuessLimit({ store, dataKeys, kind, limit, windowSeconds: 3_600 })
  }
}
