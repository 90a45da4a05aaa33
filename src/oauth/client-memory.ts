import { elapsedMs, type Moment } from '../lib/elapsed.ts'
import { hasSecret, type Client } from './client.ts'

/** A client that was disabled, or changed, is refused within 1 s everywhere (SECURITY T7): this is a quarter of it. */
const REMEMBERED_MS = 250
/** The oldest makes room. */
const LIMIT = 1_000

export type ClientMemory = ReturnType<typeof createClientMemory>

/**
 * Clients with secrets, as Postgres had them a moment ago: for callers that come thousands of times a second. Never
 * older than {@link REMEMBERED_MS}, whatever becomes of Redis, of announcements, or of this process meanwhile.
 */
export function createClientMemory() {
  const remembered = new Map<string, { client: Client; askedAt: Moment }>()

  /** @param askedAt when Postgres was asked: what it said was true then, or later */
  function remember(client: Client, askedAt: Moment): void {
    if (!hasSecret(client.authMethod)) return
    remembered.delete(client.id)
    remembered.set(client.id, { client, askedAt })
    if (remembered.size <= LIMIT) return
    for (const oldest of remembered.keys()) {
      remembered.delete(oldest)
      break
    }
  }

  /** @returns null where Postgres has to be asked: this says nothing against a client */
  function recall(id: string): Client | null {
    const known = remembered.get(id)
    if (known === undefined) return null
    if (elapsedMs(known.askedAt) <= REMEMBERED_MS) return known.client
    remembered.delete(id)
    return null
  }

  /** What this server does to a client itself is true at once, but for who is asking Postgres meanwhile. */
  function forget(id: string): void {
    remembered.delete(id)
  }

  return { remember, recall, forget }
}
