import { isDocumentId, type Client } from './client.ts'
import type { ClientDocuments } from './documents/documents.ts'

/**
 * @returns null for a client that is unknown or disabled
 * @throws {OAuthError} `invalid_client_metadata` for one that describes itself, and not well
 */
export type FindClient = (id: string) => Promise<Client | null>

export type ClientFinderDeps = {
  find: FindClient
  /** Null: clients that describe themselves are not let in. */
  documents: ClientDocuments | null
}

/** One place where clients are looked up, whether they were registered or describe themselves. */
export function createClientFinder({ find, documents }: ClientFinderDeps): FindClient {
  return async (id) => {
    // A row that was kept of a document is not the client: what the document says now is.
    if (isDocumentId(id)) return documents === null ? null : documents.find(id)
    return find(id)
  }
}
