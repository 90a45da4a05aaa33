import type { Connection, Postgres } from '../platform/postgres.ts'
import { CLEAR_LANES } from './clear-lanes.ts'
import type { GuessMilestone, LockNotice } from './guess.ts'

export type GuessLaneStore = ReturnType<typeof createGuessLaneStore>

/** A guess that may be looked at: the `failures`th in a row. `blockedUntil` is what it has blocked by itself. */
export type ReservedGuess = { failures: number; blockedUntil: string | null }

/** Guesses that may be wrong without a wait. */
const FREE_GUESSES = 5
/**
 * Wrong guesses in a row that are worth telling: those that begin the waits, for the trail, and those after
 * which the owner is told; the waits are half a minute by then.
 */
const MILESTONES: Record<GuessMilestone, number> = { throttled: FREE_GUESSES, locked: 10 }

/** The wait doubles from a second up to this. */
const LONGEST_WAIT_SECONDS = 900
/** After so long without a guess the count begins anew. */
const FORGET_SECONDS = 86_400
/** The notice waits until the guess has been judged: a right one clears the lane, and it says nothing. */
const NOTICE_DELAY_SECONDS = 2
const NOTICE_LIFE_SECONDS = 86_400

/**
 * Reserves a guess before it is judged: no row means that the lane is blocked, or was when the guess
 * arrived ($2 seconds ago), for nobody gets a guess by having stood in line. Of any number of parallel
 * guesses the first few pass, and the one that reaches the limit blocks the rest. The guess that comes to a
 * milestone writes the notice in the same breath, for a lane without an owner too: writing it takes
 * the same time, and who is told is looked up afterwards.
 */
const RESERVE = {
  name: 'guess_lane_reserve',
  text: `
    WITH reserved AS (
      INSERT INTO guess_lane AS lane (key, failures, updated_at) VALUES ($1, 1, latchkey_now())
      ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN lane.updated_at < latchkey_now() - make_interval(secs => ${FORGET_SECONDS})
                        THEN 1 ELSE lane.failures + 1 END,
        blocked_until = CASE WHEN lane.failures + 1 >= ${FREE_GUESSES}
                              AND lane.updated_at >= latchkey_now() - make_interval(secs => ${FORGET_SECONDS})
                        THEN latchkey_now() + make_interval(secs =>
                               LEAST(power(2, LEAST(lane.failures + 1 - ${FREE_GUESSES}, 20)), ${LONGEST_WAIT_SECONDS}))
                        END,
        told = CASE WHEN lane.updated_at < latchkey_now() - make_interval(secs => ${FORGET_SECONDS})
                    THEN 0 ELSE lane.told END,
        updated_at = latchkey_now()
      WHERE lane.blocked_until IS NULL
         OR lane.blocked_until <= latchkey_now() - make_interval(secs => $2::float8)
      RETURNING failures, blocked_until
    ), noted AS (
      INSERT INTO outbox_message (id, kind, payload_sealed, created_at, next_attempt_at, expires_at)
      SELECT $3::uuid, $4, $5, latchkey_now(),
             latchkey_now() + make_interval(secs => ${NOTICE_DELAY_SECONDS}),
             latchkey_now() + make_interval(secs => ${NOTICE_LIFE_SECONDS})
        FROM reserved WHERE failures IN (${Object.values(MILESTONES).join(', ')})
    )
    SELECT failures, blocked_until::text AS "blockedUntil" FROM reserved`
}

/** The guess could not be judged: what it blocked is free again, what another one blocked is not. */
const GIVE_BACK = {
  name: 'guess_lane_give_back',
  text: `
    UPDATE guess_lane
       SET failures = GREATEST(failures - 1, 0), blocked_until = NULLIF(blocked_until, $2::timestamptz)
     WHERE key = $1`
}

const IS_UNTOLD = {
  name: 'guess_lane_is_untold',
  text: 'SELECT 1 FROM guess_lane WHERE key = $1 AND failures >= $2 AND told < $2'
}

const TAKE_TELLING = {
  name: 'guess_lane_take_telling',
  text: 'UPDATE guess_lane SET told = $2 WHERE key = $1 AND failures >= $2 AND told < $2 RETURNING 1'
}

export function createGuessLaneStore(postgres: Postgres) {
  /**
   * @param waitedSeconds since the guess arrived
   * @param notice what to write if this is the guess that comes to a milestone
   * @returns null when the guess must not even be looked at
   */
  async function reserve(
    key: Buffer,
    waitedSeconds: number,
    { id, kind, payloadSealed }: LockNotice
  ): Promise<ReservedGuess | null> {
    const values = [key, waitedSeconds, id, kind, payloadSealed]
    const [reserved] = await postgres.query<ReservedGuess>(RESERVE, values)
    return reserved ?? null
  }

  /** The guess was right, or these lanes are forgiven. */
  async function clear(keys: Buffer[]): Promise<void> {
    await postgres.query(CLEAR_LANES, [keys])
  }

  /** The guess was never looked at. */
  async function giveBack(key: Buffer, { blockedUntil }: ReservedGuess): Promise<void> {
    await postgres.query(GIVE_BACK, [key, blockedUntil])
  }

  /** Whether so many guesses were wrong, none right since, and nobody has been told. */
  async function isUntold(key: Buffer, milestone: GuessMilestone): Promise<boolean> {
    return (await postgres.query(IS_UNTOLD, [key, MILESTONES[milestone]])).length > 0
  }

  /** One of any number of callers tells it, once a run. @returns whether it is this one */
  async function takeTelling(
    tx: Connection,
    key: Buffer,
    milestone: GuessMilestone
  ): Promise<boolean> {
    return (await tx.query(TAKE_TELLING, [key, MILESTONES[milestone]])).length > 0
  }

  return { reserve, clear, giveBack, isUntold, takeTelling }
}
