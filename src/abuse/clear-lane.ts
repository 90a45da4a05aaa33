import type { Statement } from '../platform/postgres.ts'

/** Clears a lane of guesses, in the transaction that begins what a right one is for. $1 is its key. */
export const CLEAR_LANE: Statement = {
  name: 'guess_lane_clear_one',
  text: 'DELETE FROM guess_lane WHERE key = $1'
}
