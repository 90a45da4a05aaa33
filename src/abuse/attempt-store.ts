import type { Postgres } from '../platform/postgres.ts'

export type AttemptStore = ReturnType<typeof createAttemptStore>

/** A place in a window of attempts: the `count`th, of a window that ends in `endsInSeconds`. */
export type Attempt = { count: number; endsInSeconds: number }

const RESERVE = {
  name: 'attempt_reserve',
  text: `
    INSERT INTO attempt_counter AS counter (key, count, window_ends_at)
    VALUES ($1, 1, latchkey_now() + make_interval(secs => $2))
    ON CONFLICT (key) DO UPDATE SET
      count = CASE WHEN counter.window_ends_at <= latchkey_now() THEN 1 ELSE counter.count + 1 END,
      window_ends_at = CASE WHEN counter.window_ends_at <= latchkey_now()
                            THEN excluded.window_ends_at ELSE counter.window_ends_at END
    RETURNING count, extract(epoch FROM window_ends_at - latchkey_now())::float8 AS "endsInSeconds"`
}

const GIVE_BACK = {
  name: 'attempt_give_back',
  text: `UPDATE attempt_counter SET count = count - 1 WHERE key = $1 AND count > 0`
}

/** Counts guesses in Postgres, so that a flushed Redis forgets none. */
export function createAttemptStore(postgres: Postgres) {
  /**
   * Counts an attempt *before* it is judged: of any number of parallel guesses no more than the limit
   * are ever looked at.
   * @param key a keyed hash of what is guessed at
   */
  async function reserve(key: Buffer, windowSeconds: number): Promise<Attempt> {
    const [attempt] = await postgres.query<Attempt>(RESERVE, [key, windowSeconds])
    if (attempt === undefined) throw new Error('attempt_counter gave no row')
    return attempt
  }

  /** The attempt was no guess after all. */
  async function giveBack(key: Buffer): Promise<void> {
    await postgres.query(GIVE_BACK, [key])
  }

  return { reserve, giveBack }
}
