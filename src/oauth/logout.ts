import type { RequestOrigin } from '../audit/events.ts'
import { OAuthError } from '../errors.ts'
import { withQuery } from '../lib/with-query.ts'
import { OFFLINE_ACCESS } from '../sessions/begin-grant.ts'
import type { BrowserSession } from '../sessions/browser-sessions.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { Client } from './client.ts'
import type { GrantStore } from './grant-store.ts'
import type { HintClaims, ReadIdTokenHint } from './id-token-hint.ts'
import type { RevocationVerbs } from './revocation-store.ts'

/** OpenID Connect RP-Initiated Logout §2; what else is said is ignored. */
export type LogoutParameters = {
  id_token_hint?: string
  client_id?: string
  post_logout_redirect_uri?: string
  state?: string
}

export type LogoutOutcome =
  /** The person has to say that they want it. */
  | { kind: 'confirm' }
  /** End the browser's session too, if it is the one that is meant; then go where `location` says, or say so. */
  | { kind: 'logged_out'; endsBrowser: boolean; location: string | null }

export type RequestLogout = ReturnType<typeof createLogoutRequests>

export type LogoutRequestsDeps = {
  findClient: (id: string) => Promise<Client | null>
  readIdTokenHint: ReadIdTokenHint
  grants: GrantStore
  revocations: RevocationVerbs
  revocationFeed: RevocationFeed
}

/** Logout that an application asks for (RP-Initiated Logout 1.0). */
export function createLogoutRequests(deps: LogoutRequestsDeps) {
  const { findClient, readIdTokenHint, grants, revocations, revocationFeed } = deps

  /**
   * Ends the application's own session; that of the browser when it is the one behind it, or when the
   * person has agreed on our page.
   * @throws {OAuthError} for a hint or a destination that does not hold: nothing is redirected then
   */
  return async function requestLogout(
    parameters: LogoutParameters,
    browser: BrowserSession | null,
    { isConfirmed, origin }: { isConfirmed: boolean; origin: RequestOrigin }
  ): Promise<LogoutOutcome> {
    const { id_token_hint: shown } = parameters
    const hint = shown === undefined ? null : await readIdTokenHint(shown)
    if (shown !== undefined && hint === null) {
      throw new OAuthError('invalid_request', 'id_token_hint is not an ID token of this server.')
    }
    const location = await destination(parameters, hint)
    const grant = hint === null ? null : await grants.findOrigin(hint.sid, hint.aud)
    const parentId = grant?.parentId ?? null
    const isMeant = browser !== null && parentId === browser.id
    if (browser !== null && !isMeant && !isConfirmed) return { kind: 'confirm' }
    // Old ID tokens lie about: without the login that it came from, one ends nothing that outlives a login.
    const outlives = grant?.scope.split(' ').includes(OFFLINE_ACCESS) === true
    if (hint !== null && parentId !== null && (isMeant || !outlives)) {
      revocationFeed.announce(await revocations.endSession(hint.sid, origin))
    }
    return { kind: 'logged_out', endsBrowser: isMeant || isConfirmed, location }
  }

  /** Only with a hint that names the client, and to the letter what it registered (§3). */
  async function destination(
    { client_id: clientId, post_logout_redirect_uri: uri, state }: LogoutParameters,
    hint: HintClaims | null
  ): Promise<string | null> {
    if (hint !== null && clientId !== undefined && clientId !== hint.aud) {
      throw new OAuthError('invalid_request', 'client_id is not the one that the hint is for.')
    }
    if (uri === undefined) return null
    const client = hint === null ? null : await findClient(hint.aud)
    if (client === null) {
      throw new OAuthError(
        'invalid_request',
        'post_logout_redirect_uri needs an id_token_hint of a client.'
      )
    }
    if (!client.postLogoutRedirectUris.includes(uri)) {
      throw new OAuthError(
        'invalid_request',
        'post_logout_redirect_uri is not one that the client registered.'
      )
    }
    return withQuery(uri, state === undefined ? {} : { state })
  }
}
