import { OAuthError } from '../../errors.ts'
import { withQuery } from '../../lib/with-query.ts'
import type { BrowserClaim } from '../../sessions/browser-cookie.ts'
import { isRegisteredRedirect, type Client } from '../client.ts'
import type { ClientMemory, KnownClient } from '../client-memory.ts'
import type { AuthorizationParameters } from './parameters.ts'
import type { QuickCodeStore } from './quick-code-store.ts'
import { readRequest, type AuthorizationRequest } from './request.ts'
import { isAnybodys } from './rules.ts'

/** Where the code goes, and who let the client in. */
export type QuickAnswer = { location: string; userId: string; sessionId: string }

export type QuickAuthorize = ReturnType<typeof createQuickAuthorize>

export type QuickAuthorizeDeps = {
  recallClient: ClientMemory['recallKnown']
  codes: QuickCodeStore
  issuer: string
}

/** What a request may say for the short way; everything else is for the long one. */
export const PLAIN_PARAMETERS = new Set([
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method'
] as const)

/** What is asked for, of a client as it was read before. Nothing has been done for it yet. */
export type AuthorizePlan = {
  known: KnownClient
  redirectUri: string
  state: string | undefined
  request: AuthorizationRequest
}

/**
 * The authorization endpoint for somebody who has logged in before, at a client that was let in before: most
 * requests are that plain. The client's policy comes from memory, and the one statement that makes the code says
 * whether it still holds.
 */
export function createQuickAuthorize({ recallClient, codes, issuer }: QuickAuthorizeDeps) {
  /** @returns null for everything that is not that plain: nothing is refused here */
  function plan(shown: AuthorizationParameters): AuthorizePlan | null {
    const names: ReadonlySet<string> = PLAIN_PARAMETERS
    for (const [name, value] of Object.entries(shown)) {
      if (value === '' || !names.has(name)) return null
    }
    const { client_id: clientId, redirect_uri: redirectUri, response_mode: mode, state } = shown
    const known = clientId === undefined ? null : recallClient(clientId)
    if (known === null || redirectUri === undefined) return null
    if (mode !== undefined && mode !== 'query') return null
    const { client } = known
    if (client.requirePar || client.metadata.default_max_age !== undefined) return null
    if (!isRegisteredRedirect(client, redirectUri) || isAnybodys(client, redirectUri)) return null
    const request = requestOf(shown, client)
    return request === null ? null : { known, redirectUri, state, request }
  }

  /** @returns null where login, client or consent are not as they have to be, with nothing done */
  async function carryOut(
    { known: { client, version }, redirectUri, state, request }: AuthorizePlan,
    claim: BrowserClaim
  ): Promise<QuickAnswer | null> {
    const { scopes, consentScopes, audience, nonce, codeChallenge, dpopJkt } = request
    const scope = scopes.join(' ')
    const code = await codes.create(
      claim,
      { clientId: client.id, redirectUri, scope, audience, nonce, codeChallenge, dpopJkt },
      version,
      client.isFirstParty ? null : consentScopes
    )
    if (code === null) return null
    const parameters = { code: code.value, ...(state !== undefined && { state }), iss: issuer }
    return {
      location: withQuery(redirectUri, parameters),
      userId: code.userId,
      sessionId: claim.sessionId
    }
  }

  return { plan, carryOut }
}

/** Null for what is to be refused. */
function requestOf(shown: AuthorizationParameters, client: Client): AuthorizationRequest | null {
  try {
    return readRequest(shown, client)
  } catch (error) {
    if (error instanceof OAuthError) return null
    throw error
  }
}
