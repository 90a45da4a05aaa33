import { OAuthError, UnavailableError } from '../../errors.ts'
import { createGate, GateFullError } from '../../lib/gate.ts'
import { OutboundError, type Outbound, type OutboundResponse } from '../../platform/outbound.ts'
import { refused } from './read-document.ts'

/** The document's server does not answer, or not for the document's sake: what it said before may still hold. */
export class DocumentOutageError extends OAuthError {}

/** Strangers name the URLs: a crowd of them must not use up the server's sockets. */
const CONCURRENCY = 8
const QUEUE_LENGTH = 64

const FRESH_SECONDS = { shortest: 300, usual: 3_600, longest: 86_400 }

export type FetchedDocument = { text: string; freshSeconds: number }

export type FetchDocument = ReturnType<typeof createDocumentFetcher>

/** Fetches client metadata documents. Links in them are never followed. */
export function createDocumentFetcher(outbound: Outbound) {
  const inTurn = createGate({ concurrency: CONCURRENCY, queueLength: QUEUE_LENGTH })

  /** @throws {OAuthError} `invalid_client_metadata`, one text for whatever kept it from being read; a {@link DocumentOutageError} if that may pass @throws {UnavailableError} */
  return async function fetchDocument(url: string): Promise<FetchedDocument> {
    const { status, headers, body } = await ask(url)
    const isJson = /^application\/([\w.+-]+\+)?json(;|$)/i.test(headers['content-type'] ?? '')
    if (status === 429 || status >= 500) throw outage('it is not answered with 200 and JSON')
    if (status !== 200 || !isJson) throw refused('it is not answered with 200 and JSON')
    return { text: body.toString(), freshSeconds: freshSecondsOf(headers['cache-control'] ?? '') }
  }

  async function ask(url: string): Promise<OutboundResponse> {
    try {
      return await inTurn(() => outbound({ url, headers: { accept: 'application/json' } }))
    } catch (error) {
      if (error instanceof GateFullError) throw new UnavailableError('too many documents', error)
      if (!(error instanceof OutboundError)) throw error
      // Not which: nobody learns by this what stands in our network.
      throw outage('it cannot be fetched')
    }
  }
}

/** What the document's server says (RFC 9111 §5.2.2.1), within bounds: neither asked all the time nor believed for ever. */
function freshSecondsOf(cacheControl: string): number {
  const { shortest, usual, longest } = FRESH_SECONDS
  if (/(^|[\s,])no-(store|cache)/i.test(cacheControl)) return shortest
  const maxAge = /(^|[\s,])max-age="?(\d{1,9})/i.exec(cacheControl)?.[2]
  return maxAge === undefined ? usual : Math.min(longest, Math.max(shortest, Number(maxAge)))
}

function outage(why: string): DocumentOutageError {
  const { code, description } = refused(why)
  return new DocumentOutageError(code, description)
}
