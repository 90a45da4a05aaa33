import { elapsedMs, type Moment } from '../lib/elapsed.ts'
import { rememberNewest } from '../lib/remember-newest.ts'
import { hasSecret, type Client } from './client.ts'

/** A client that was disabled, or changed, is refused within 1 s everywhere (SECURITY T7): this is a quarter of it. */
export const FRESH_MS = 250
/** Long enough to be of use, far too short for a transaction's number to come again. */
const KNOWN_MS = 60_000
/** The oldest makes room. */
const LIMIT = 1_000

/** A client as it was read, and the version of its row. */
export type KnownClient = { client: Client; version: string }

export type ClientMemory = ReturnType<typeof createClientMemory>

/** Clients as Postgres had them, for callers that come thousands of times a second. Nobody is refused by memory. */
export function createClientMemory() {
  const remembered = new Map<string, KnownClient & { askedAt: Moment }>()

  /** @param askedAt when Postgres was asked: what it said was true then, or later */
  function remember(known: KnownClient, askedAt: Moment): void {
    rememberNewest(remembered, known.client.id, { ...known, askedAt }, LIMIT)
  }

  /**
   * A client with a secret, as it was a moment ago: never longer than {@link FRESH_MS}, whatever becomes of Redis, of
   * announcements, or of this process meanwhile.
   * @returns null where Postgres has to be asked
   */
  function recallFresh(id: string): KnownClient | null {
    const known = remembered.get(id)
    if (known === undefined || elapsedMs(known.askedAt) > FRESH_MS) return null
    return hasSecret(known.client.authMethod) ? known : null
  }

  /**
   * A client as it was some time ago. Nothing is decided by it: a statement that does something for the client asks
   * for its version too, and does nothing where the row has changed.
   */
  function recallKnown(id: string): KnownClient | null {
    const known = remembered.get(id)
    return known === undefined || elapsedMs(known.askedAt) > KNOWN_MS ? null : known
  }

  /** What this server does to a client itself is true at once, but for who is asking Postgres meanwhile. */
  function forget(id: string): void {
    remembered.delete(id)
  }

  return { remember, recallFresh, recallKnown, forget }
}
