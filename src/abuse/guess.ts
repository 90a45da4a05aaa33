/**
 * What is guessed at: an account by anybody, the same account from a browser that it knows, or a name that
 * has no account (counted alike, so that nothing tells the difference).
 */
export type GuessSubject = { account: string } | { device: string } | { unknown: string }

/** What is told of a run of wrong guesses: that the waits have begun, and that they have grown. */
export const GUESS_MILESTONES = ['throttled', 'locked'] as const
export type GuessMilestone = (typeof GUESS_MILESTONES)[number]

/** A message for the outbox, sealed already. */
export type LockNotice = { id: string; kind: string; payloadSealed: Uint8Array }

export type Guess = {
  subject: GuessSubject
  /**
   * What it takes turns with: what was typed, never what it led to. Two names of one account would
   * otherwise wait for each other, and the wait would tell that they are one.
   */
  line: string
  /** Written if so many guesses were wrong that the trail, or the owner, if there is one, should know. */
  notice: LockNotice
  /** Throws where it would be compared too late: then nothing is reserved. */
  requireTime?: (() => void) | undefined
  /** Compares; it is told whether the guess may count, and takes the same time either way. */
  judge: (mayCount: boolean) => Promise<boolean>
  /**
   * Begins what a right guess is for, while the next one of its line still waits. It may clear the lane in its own
   * transaction: nothing is begun that leaves it as it was.
   * @returns whether it has; else it is cleared afterwards
   */
  begin?: ((lane: Buffer) => Promise<boolean>) | undefined
}
