import { hash } from 'node:crypto'
import { rememberNewest } from '../lib/remember-newest.ts'
import type { ClientParameters, RecallCaller, RecallProven } from './client-authentication.ts'
import type { ClientMemory, KnownClient } from './client-memory.ts'

/** The oldest makes room. */
const LIMIT = 1_000

/**
 * Callers whose `Authorization` header was right a moment ago. The same header is right for as long as the same reading
 * of its client stands: whatever forgets or replaces that (its 250 ms, a change) ends this. A header is known by its
 * SHA-256, as its secret is by the client's row: equal hashes are equal secrets, and how long it takes to look one up
 * tells of hashes alone, which help nobody to a secret of 256 bits.
 */
export function createCallerMemory(
  recallFresh: ClientMemory['recallFresh'],
  recallProven: RecallProven
): RecallCaller {
  const proven = new Map<string, KnownClient>()

  return function recallCaller(authorization, form) {
    const isAlone = authorization !== undefined && !namesClient(form)
    if (!isAlone) return recallProven(authorization, form)?.client ?? null
    const headerHash = hash('sha256', authorization)
    const before = proven.get(headerHash)
    if (before !== undefined && recallFresh(before.client.id) === before) return before.client
    proven.delete(headerHash)
    const client = recallProven(authorization, form)?.client ?? null
    const known = client === null ? null : recallFresh(client.id)
    if (known !== null) rememberNewest(proven, headerHash, known, LIMIT)
    return client
  }
}

function namesClient(form: ClientParameters): boolean {
  const { client_id: id, client_secret: secret, client_assertion: assertion } = form
  return id !== undefined || secret !== undefined || assertion !== undefined
}
