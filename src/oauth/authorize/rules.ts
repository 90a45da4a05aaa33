import { OAuthError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { LiveLogin } from '../../sessions/browser-sessions.ts'
import { isDocumentId, isPublic, type Client } from '../client.ts'
import type { ConsentStore } from '../consent-store.ts'
import type { ReadIdTokenHint } from '../id-token-hint.ts'
import type { Subjects } from '../subjects.ts'
import type { AuthorizationRequest } from './request.ts'
import type { WaitingRequest } from './request-store.ts'
import type { Addressed } from './response.ts'

/** A request that is right, and what it waits with. */
export type Checked = Addressed & {
  request: AuthorizationRequest
  loginAfter: Date | null
  waiting: WaitingRequest | null
}

export type AuthorizeRulesDeps = {
  clock: Clock
  consents: ConsentStore
  readIdTokenHint: ReadIdTokenHint
  subjects: Subjects
}

/** Who has to log in (again), and who has to be asked. */
export function createAuthorizeRules(deps: AuthorizeRulesDeps) {
  const { clock, consents, readIdTokenHint, subjects } = deps

  /** Whether this login is recent enough, and that of the person whom the client means. */
  async function isLoggedInEnough(
    { client, parameters, request, loginAfter }: Checked,
    { userId, authTime }: LiveLogin
  ): Promise<boolean> {
    if (loginAfter !== null && authTime < loginAfter) return false
    const sub = subjects.subjectOf(client, userId)
    const asked = request.claims?.id_token?.['sub']?.value
    if (asked !== undefined && asked !== sub) return false
    if (parameters.id_token_hint === undefined) return true
    const hint = await readIdTokenHint(parameters.id_token_hint)
    return hint !== null && hint.sub === sub
  }

  /**
   * Nobody who logs in could ever be whom such a hint means. Who may show no page is told `login_required`.
   * @throws {OAuthError} `invalid_request`
   */
  async function requireReadableHint({ parameters, request }: Checked): Promise<void> {
    const { id_token_hint: hint } = parameters
    if (hint === undefined || request.prompt.includes('none')) return
    if ((await readIdTokenHint(hint)) !== null) return
    const text =
      'id_token_hint is not an ID token of this server, or its key is gone. Leave it out.'
    throw new OAuthError('invalid_request', text)
  }

  async function isAgreed(
    { client, to, request, waiting }: Checked,
    userId: string
  ): Promise<boolean> {
    if (waiting?.consentedBy === userId) return true
    if (request.prompt.includes('consent')) return false
    if (isAnybodys(client, to.redirectUri)) return false
    if (client.isFirstParty) return true
    const agreed = await consents.findScopes(userId, client.id)
    return agreed !== null && request.consentScopes.every((scope) => agreed.includes(scope))
  }

  /** `prompt=login` and `max_age`: the moment that counts is that of the request, or nobody would ever get past. */
  function loginDueAfter({ prompt, maxAgeSeconds }: AuthorizationRequest): Date | null {
    const now = clock.now().getTime()
    if (prompt.includes('login') || prompt.includes('select_account')) return new Date(now)
    return maxAgeSeconds === null ? null : new Date(now - maxAgeSeconds * 1_000)
  }

  return { isLoggedInEnough, requireReadableHint, isAgreed, loginDueAfter }
}

/** Any program on the person's machine can name this client and wait there (RFC 8252 §8.6): ask again. */
export function isAnybodys(client: Client, redirectUri: string): boolean {
  return (isPublic(client) || isDocumentId(client.id)) && !redirectUri.startsWith('https:')
}
