import type { User } from '../../accounts/user.ts'
import type { RequestOrigin } from '../../audit/events.ts'
import { OAuthError } from '../../errors.ts'
import type { Connection, Postgres } from '../../platform/postgres.ts'
import type { BrowserSession, LiveLogin } from '../../sessions/browser-sessions.ts'
import { isDocumentId, isRegisteredRedirect, type Client } from '../client.ts'
import type { ConsentStore } from '../consent-store.ts'
import type { ClientDocuments } from '../documents/documents.ts'
import type { CodeStore } from './code-store.ts'
import type { AuthorizationParameters } from './parameters.ts'
import type { ReadParameters } from './pushed.ts'
import { readRequest } from './request.ts'
import type { RequestStore } from './request-store.ts'
import {
  address,
  createResponses,
  gone,
  type Addressed,
  type AuthorizationResponse,
  type Destination
} from './response.ts'
import { createAuthorizeRules, type AuthorizeRulesDeps, type Checked } from './rules.ts'

export type AuthorizeOutcome =
  | AuthorizationResponse
  /** Somebody has to do something first; the request waits under `requestId`. */
  | {
      kind: 'login' | 'consent'
      requestId: string
      loginHint: string | null
      uiLocales: string | null
    }
  /** The browser comes back by itself. */
  | { kind: 'resume'; requestId: string }

/** What the consent page shows. */
export type ConsentQuestion = { client: Client; user: User; scopes: string[]; to: Destination }

export type Authorize = ReturnType<typeof createAuthorize>

export type AuthorizeDeps = AuthorizeRulesDeps & {
  postgres: Postgres
  issuer: string
  readParameters: ReadParameters
  requests: RequestStore
  codes: CodeStore
  consents: ConsentStore
  /** Notes a client that describes itself when somebody lets it in; null where there are none. */
  noteDocument: ClientDocuments['note'] | null
  findClient: (id: string) => Promise<Client | null>
}

/** The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2). */
export function createAuthorize(deps: AuthorizeDeps) {
  const { postgres, requests, codes, consents, findClient, readParameters, noteDocument } = deps
  const { respond, answering } = createResponses(deps.issuer)
  const { isLoggedInEnough, requireReadableHint, isAgreed, loginDueAfter } =
    createAuthorizeRules(deps)

  /**
   * Answers a request, or keeps it until somebody has logged in and agreed.
   * @throws {OAuthError} what may go to no client, because none is known for certain (SECURITY O1)
   */
  async function begin(
    shown: AuthorizationParameters,
    login: LiveLogin | null
  ): Promise<AuthorizeOutcome> {
    return receive(shown, async (addressed) => {
      const request = readRequest(addressed.parameters, addressed.client)
      const loginAfter = loginDueAfter(request)
      return decide({ ...addressed, request, loginAfter, waiting: null }, login)
    })
  }

  /**
   * Keeps a request that was posted. A foreign page's POST comes without the login's cookie, so nothing is
   * decided before the browser has followed a redirect.
   * @returns the id to resume with
   * @throws {OAuthError} as {@link begin}
   */
  async function hold(shown: AuthorizationParameters): Promise<AuthorizeOutcome> {
    return receive(shown, async ({ client, parameters }) => {
      const request = readRequest(parameters, client)
      const loginAfter = loginDueAfter(request)
      const requestId = await requests.keep({ clientId: client.id, parameters, loginAfter })
      return { kind: 'resume', requestId }
    })
  }

  /**
   * Finds out what is asked, and where the answer goes. A request object or reference that does not hold is
   * told to the client where the URL beside it names a destination of the client's (RFC 9101 §6.2).
   */
  async function receive(
    shown: AuthorizationParameters,
    work: (addressed: Addressed) => Promise<AuthorizeOutcome>
  ): Promise<AuthorizeOutcome> {
    const read = await readParameters(shown).catch((error: unknown) => ({ error }))
    if (!('error' in read)) {
      const addressed = address(read.client, read.parameters)
      return answering(addressed, () => work(addressed))
    }
    const { error } = read
    const client = shown.client_id === undefined ? null : await findClient(shown.client_id)
    const isTellable = client !== null && isRegisteredRedirect(client, shown.redirect_uri ?? '')
    if (!(error instanceof OAuthError) || !isTellable) throw error
    return answering(address(client, shown), () => Promise.reject(error))
  }

  /** Goes on with a request that waited. */
  async function resume(requestId: string, login: LiveLogin | null): Promise<AuthorizeOutcome> {
    const waiting = await findWaiting(requestId)
    return answering(waiting, () => decide(waiting, login))
  }

  /** What is asked of the person, for the consent page. Null when nothing is, or not of this one. */
  async function question(
    requestId: string,
    session: BrowserSession
  ): Promise<ConsentQuestion | null> {
    const waiting = await findWaiting(requestId)
    if (!(await isLoggedInEnough(waiting, session))) return null
    const { client, request, to } = waiting
    return { client, user: session.user, scopes: request.consentScopes, to }
  }

  /** What the person decided. A no is told to the client; a yes is remembered until it is taken back. */
  async function decideConsent(
    requestId: string,
    login: LiveLogin,
    isAgreed: boolean,
    origin: RequestOrigin
  ): Promise<AuthorizeOutcome> {
    const waiting = await findWaiting(requestId)
    return answering(waiting, async () => {
      if (!(await isLoggedInEnough(waiting, login))) return interact('login', waiting)
      const { client, request } = waiting
      const userId = login.userId
      if (!isAgreed) {
        const isOurs = await postgres.hotTransaction((tx) => requests.spend(tx, requestId))
        if (!isOurs) throw gone()
        throw new OAuthError('access_denied', 'The person did not agree.')
      }
      const { consentScopes: scopes } = request
      const agree = async (tx: Connection, note?: () => Promise<void>) => {
        if (!(await requests.noteConsent(tx, requestId, userId))) throw gone()
        await note?.()
        await consents.give(tx, { userId, clientId: client.id, scopes }, origin)
      }
      if (noteDocument === null || !isDocumentId(client.id)) await postgres.hotTransaction(agree)
      else {
        await postgres.transaction((tx) => agree(tx, () => noteDocument(tx, client, userId)))
      }
      return resume(requestId, login)
    })
  }

  async function findWaiting(requestId: string): Promise<Checked> {
    const waiting = await requests.find(requestId)
    const client = waiting === null ? null : await findClient(waiting.clientId)
    if (waiting === null || client === null) throw gone()
    const addressed = address(client, waiting.parameters)
    const request = readRequest(waiting.parameters, client)
    return { ...addressed, request, loginAfter: waiting.loginAfter, waiting }
  }

  /** Login, then consent, then the code. */
  async function decide(checked: Checked, login: LiveLogin | null): Promise<AuthorizeOutcome> {
    const { prompt } = checked.request
    await requireReadableHint(checked)
    if (login === null || !(await isLoggedInEnough(checked, login))) {
      if (!prompt.includes('none')) return interact('login', checked)
      throw new OAuthError('login_required', 'Nobody is logged in who is meant.')
    }
    if (!(await isAgreed(checked, login.userId))) {
      if (!prompt.includes('none')) return interact('consent', checked)
      throw new OAuthError('consent_required', 'The person has not agreed to this.')
    }
    return issueCode(checked, login)
  }

  async function interact(kind: 'login' | 'consent', checked: Checked): Promise<AuthorizeOutcome> {
    const { client, parameters, loginAfter, waiting } = checked
    const requestId =
      waiting?.id ?? (await requests.keep({ clientId: client.id, parameters, loginAfter }))
    const { login_hint: loginHint = null, ui_locales: uiLocales = null } = parameters
    return { kind, requestId, loginHint, uiLocales }
  }

  async function issueCode(checked: Checked, login: LiveLogin): Promise<AuthorizeOutcome> {
    const { client, to, request, waiting } = checked
    const { audience, claims, nonce, codeChallenge, dpopJkt, scopes } = request
    const { id: parentId, userId, authTime, amr } = login
    const { redirectUri } = to
    const standsFor = {
      clientId: client.id,
      scope: scopes.join(' '),
      ...{ parentId, userId, authTime, amr, redirectUri },
      ...{ audience, claims, nonce, codeChallenge, dpopJkt }
    }
    const code =
      waiting === null
        ? await codes.create(postgres, standsFor)
        : await postgres.hotTransaction(async (tx) => {
            if (!(await requests.spend(tx, waiting.id))) throw gone()
            return codes.create(tx, standsFor)
          })
    return respond(checked, { code })
  }

  return { begin, hold, resume, question, decideConsent }
}
