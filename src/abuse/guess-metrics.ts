import type { Metrics } from '../platform/metrics.ts'
import type { ReservedGuess } from './guess-lane-store.ts'
import type { GuessSubject } from './guess.ts'

const LANES = ['account', 'device', 'unknown'] as const

/** What Prometheus is told of wrong passwords. @returns what counts a guess that was judged, or was not looked at */
export function addGuessMetrics(metrics: Metrics) {
  const guesses = metrics.outcomes('password_guesses_total', 'Passwords shown, at any door', [
    'right',
    'wrong',
    'blocked'
  ])
  const lockouts = metrics.counter(
    'lockouts_total',
    'Waits that a wrong password began, by what was guessed at',
    ['lane']
  )
  for (const lane of LANES) lockouts.inc({ lane }, 0)

  return function countGuess(
    subject: GuessSubject,
    reserved: ReservedGuess | null,
    isRight: boolean
  ): void {
    guesses.count(reserved === null ? 'blocked' : isRight ? 'right' : 'wrong')
    if (reserved === null || isRight || reserved.blockedUntil === null) return
    const lane = LANES.find((one) => one in subject)
    if (lane !== undefined) lockouts.inc({ lane })
  }
}
