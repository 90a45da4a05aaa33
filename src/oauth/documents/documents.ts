import { OAuthError, UnavailableError } from '../../errors.ts'
import { shareByKey } from '../../lib/share.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Client } from '../client.ts'
import type { RequireRings } from '../ring-rule.ts'
import type { DocumentStore } from './document-store.ts'
import { isDocumentUrl } from './document-url.ts'
import { DocumentOutageError, type FetchDocument } from './fetch-document.ts'
import { readDocument, type DocumentBounds } from './read-document.ts'

const CACHE_LIMIT = 1_000
/** A wrong document is soon looked at again: somebody is mending it. */
const WRONG_FRESH_SECONDS = 30

/** A client is served from its last good document for so long while that cannot be had. */
const STALE_SECONDS = 86_400

/** A client, or why there is none. */
type Known = { outcome: Client | OAuthError; staleAtMs: number }

export type ClientDocuments = ReturnType<typeof createClientDocuments>

export type ClientDocumentsDeps = {
  fetchDocument: FetchDocument
  store: DocumentStore
  clock: Clock
  requireRings: RequireRings
  bounds: DocumentBounds
}

/** Clients that describe themselves at the URL that is their id (draft-ietf-oauth-client-id-metadata-document). */
export function createClientDocuments(deps: ClientDocumentsDeps) {
  const { fetchDocument, store, clock, requireRings, bounds } = deps
  /** Apart from each other: made-up URLs must not push out the clients that people use. */
  const good = new Map<string, Known>()
  const wrong = new Map<string, Known>()

  /**
   * @returns null for an id that can be no document's, and for a client that an operator has disabled
   * @throws {OAuthError} `invalid_client_metadata`: the document cannot be had, or will not do
   * @throws {UnavailableError} when that of a client which somebody has let in cannot be had just now
   */
  async function find(id: string): Promise<Client | null> {
    if (!isDocumentUrl(id) || (await store.isDisabled(id))) return null
    const outcome = await outcomeOf(id)
    if (outcome instanceof DocumentOutageError || outcome instanceof UnavailableError) {
      return findDuring(outcome, id)
    }
    if (outcome instanceof OAuthError) throw outcome
    return outcome
  }

  async function outcomeOf(id: string): Promise<Client | OAuthError | UnavailableError> {
    try {
      return (fresh(id) ?? (await look(id))).outcome
    } catch (error) {
      if (error instanceof UnavailableError) return error
      throw error
    }
  }

  /** A client that people use does not vanish with its site, nor is it told that it is wrong. */
  async function findDuring(
    outage: DocumentOutageError | UnavailableError,
    id: string
  ): Promise<Client> {
    const last = good.get(id)
    if (last === undefined) {
      if (!(await store.isKept(id))) throw outage
    } else if (!(last.outcome instanceof OAuthError)) {
      if (last.staleAtMs > inSeconds(-STALE_SECONDS)) return last.outcome
    }
    throw new UnavailableError("a known client's document cannot be had", outage)
  }

  function fresh(id: string): Known | undefined {
    const now = clock.now().getTime()
    return [good.get(id), wrong.get(id)].find((known) => (known?.staleAtMs ?? 0) > now)
  }

  /** Of many who ask at once, one fetches. */
  const look = shareByKey(async (id): Promise<Known> => {
    const known = await judge(id)
    const isGood = !(known.outcome instanceof OAuthError)
    if (isGood) wrong.delete(id)
    else if (!(known.outcome instanceof DocumentOutageError)) good.delete(id)
    keep(isGood ? good : wrong, id, known)
    return known
  })

  async function judge(id: string): Promise<Known> {
    try {
      const { text, freshSeconds } = await fetchDocument(id)
      const client = await readDocument(id, text, bounds)
      requireRings(client)
      return { outcome: client, staleAtMs: inSeconds(freshSeconds) }
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error
      return { outcome: error, staleAtMs: inSeconds(WRONG_FRESH_SECONDS) }
    }
  }

  function inSeconds(seconds: number): number {
    return clock.now().getTime() + seconds * 1_000
  }

  function keep(cache: Map<string, Known>, id: string, known: Known): void {
    cache.delete(id)
    if (cache.size >= CACHE_LIMIT) cache.delete([...cache.keys()][0] ?? '')
    cache.set(id, known)
  }

  return { find, note: store.note }
}
