import type { Postgres } from '../platform/postgres.ts'

export type GuessLaneStore = ReturnType<typeof createGuessLaneStore>

/** Guesses that may be wrong without a wait. */
export const FREE_GUESSES = 5
/** The wait doubles from a second up to this. */
const LONGEST_WAIT_SECONDS = 900
/** After so long without a guess the count begins anew. */
const FORGET_SECONDS = 86_400

/**
 * Reserves a guess before it is judged: no row means that the lane is blocked. Of any number of parallel
 * guesses the first few pass, and the one that reaches the limit blocks the rest.
 */
const RESERVE = {
  name: 'guess_lane_reserve',
  text: `
    INSERT INTO guess_lane AS lane (key, failures, updated_at) VALUES ($1, 1, latchkey_now())
    ON CONFLICT (key) DO UPDATE SET
      failures = CASE WHEN lane.updated_at < latchkey_now() - make_interval(secs => ${FORGET_SECONDS})
                      THEN 1 ELSE lane.failures + 1 END,
      blocked_until = CASE WHEN lane.failures + 1 >= ${FREE_GUESSES}
                            AND lane.updated_at >= latchkey_now() - make_interval(secs => ${FORGET_SECONDS})
                      THEN latchkey_now() + make_interval(secs =>
                             LEAST(power(2, LEAST(lane.failures + 1 - ${FREE_GUESSES}, 20)), ${LONGEST_WAIT_SECONDS}))
                      END,
      updated_at = latchkey_now()
    WHERE lane.blocked_until IS NULL OR lane.blocked_until <= latchkey_now()
    RETURNING failures`
}

/** The guess could not be judged; only the one who reserved it can have set the block. */
const GIVE_BACK = {
  name: 'guess_lane_give_back',
  text: `UPDATE guess_lane SET failures = GREATEST(failures - 1, 0), blocked_until = NULL WHERE key = $1`
}

const CLEAR = { name: 'guess_lane_clear', text: 'DELETE FROM guess_lane WHERE key = $1' }

export function createGuessLaneStore(postgres: Postgres) {
  /** @returns how many guesses in a row this is, or null when it must not even be looked at */
  async function reserve(key: Buffer): Promise<number | null> {
    const [lane] = await postgres.query<{ failures: number }>(RESERVE, [key])
    return lane?.failures ?? null
  }

  /** The guess was right. */
  async function clear(key: Buffer): Promise<void> {
    await postgres.query(CLEAR, [key])
  }

  /** The guess was never looked at. */
  async function giveBack(key: Buffer): Promise<void> {
    await postgres.query(GIVE_BACK, [key])
  }

  return { reserve, clear, giveBack }
}
