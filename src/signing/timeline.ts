import type { Timeline } from './store.ts'

/** How long a verifier may keep the published keys, as `Cache-Control` tells it. */
export const JWKS_MAX_AGE_SECONDS = 300
/** What common verifiers keep them for whatever that header says. */
const VERIFIER_CACHE_SECONDS = 600
/** What two honest clocks may be apart. */
const CLOCK_SKEW_SECONDS = 60

/** The dates of a rotation come from these numbers: no verifier ever meets a key that it cannot know. */
export function rotationTimeline(longestTokenSeconds: number): Timeline {
  return {
    announceSeconds: JWKS_MAX_AGE_SECONDS + VERIFIER_CACHE_SECONDS + CLOCK_SKEW_SECONDS,
    retireSeconds: longestTokenSeconds + CLOCK_SKEW_SECONDS
  }
}

/** A key that may be compromised is dropped here at once; other verifiers follow when their caches expire. */
export const AT_ONCE: Timeline = { announceSeconds: 0, retireSeconds: 0 }
