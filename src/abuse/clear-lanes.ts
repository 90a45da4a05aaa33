import type { Statement } from '../platform/postgres.ts'

/** Clears lanes of guesses: $1 is their keys. A right guess does it in the transaction that begins what it is for. */
export const CLEAR_LANES: Statement = {
  name: 'guess_lane_clear',
  text: 'DELETE FROM guess_lane WHERE key = ANY ($1::bytea[])'
}
