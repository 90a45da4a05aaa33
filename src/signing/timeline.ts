import { LONGEST_TOKEN_SECONDS } from '../tokens/lifetimes.ts'

/** How long a new key is published before it signs, and an old one after it signed last. */
export type Timeline = { announceSeconds: number; retireSeconds: number }

/** How long a verifier may keep the published keys, as `Cache-Control` tells it. */
export const JWKS_MAX_AGE_SECONDS = 300
/** What common verifiers keep them for whatever that header says. */
export const VERIFIER_CACHE_SECONDS = 600
/** What two honest clocks may be apart. */
const CLOCK_SKEW_SECONDS = 60

/** The dates of a rotation come from these numbers: no verifier ever meets a key that it cannot know. */
export function rotationTimeline(longestTokenSeconds = LONGEST_TOKEN_SECONDS): Timeline {
  return {
    announceSeconds: JWKS_MAX_AGE_SECONDS + VERIFIER_CACHE_SECONDS + CLOCK_SKEW_SECONDS,
    retireSeconds: longestTokenSeconds + CLOCK_SKEW_SECONDS
  }
}

/** Before the first token, or where no server runs: nobody has to know a key in advance, and none is missed. */
export const AT_ONCE: Timeline = { announceSeconds: 0, retireSeconds: 0 }

/**
 * When a key may be compromised, all change over at one moment of Postgres' clock, so far ahead that every server
 * has read it: none of them meets a new key that it does not know. Other verifiers follow when their caches expire.
 */
export const EMERGENCY_NOTICE_SECONDS = 1
