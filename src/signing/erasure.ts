import type { Sealer } from '../platform/keys/sealer.ts'
import type { SigningKeyStore } from './key-store.ts'
import { withoutPrivateHalf } from './sealed-key.ts'

/** How long after a key is gone its private half is kept: as long as somebody may want to know what went wrong. */
const KEEP_SECONDS = 7 * 86_400

export type ErasureDeps = {
  store: Pick<SigningKeyStore, 'findGone' | 'replaceSealed'>
  sealer: Sealer
}

/**
 * Erases the private halves of keys that have been gone for a week: they sign nothing any more, and a backup of tomorrow
 * does not hold them. May be called by every server, as often as it likes.
 * @returns the ids of those whose private half was erased by this call
 */
export function createErasure({ store, sealer }: ErasureDeps) {
  return async function erasePrivateHalves(): Promise<string[]> {
    const erased: string[] = []
    for (const row of await store.findGone(KEEP_SECONDS)) {
      const publicHalf = openIfPossible(row)
      if (publicHalf !== null && (await store.replaceSealed(row, publicHalf))) erased.push(row.kid)
    }
    return erased
  }

  /** What does not open is the ring's to tell of. */
  function openIfPossible(row: { kid: string; sealedPrivate: Uint8Array }) {
    try {
      return withoutPrivateHalf(row, sealer)
    } catch {
      return null
    }
  }
}
