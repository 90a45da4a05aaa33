import { hmacSha256 } from '../lib/secrets.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Client } from './client.ts'

export type Subjects = ReturnType<typeof createSubjects>

/** What a client calls a person (OpenID Connect Core §8). */
export function createSubjects(dataKeys: DataKeys) {
  /** The user's id, or for a pairwise client a pseudonym that no client of another sector knows. */
  function subjectOf(
    { isPairwise, sectorIdentifier, id }: Pick<Client, 'isPairwise' | 'sectorIdentifier' | 'id'>,
    userId: string
  ): string {
    if (!isPairwise) return userId
    // The first key stays the one: with another, every client would meet strangers.
    const key = dataKeys.ofPurpose('pairwise').at(-1)
    if (key === undefined) throw new Error('There is no data key for pairwise subjects.')
    return hmacSha256(key.key, `${sectorIdentifier ?? id}\0${userId}`).toString('base64url')
  }

  return { subjectOf }
}
