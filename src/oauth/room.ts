import type { Abuse } from '../abuse/room.ts'
import type { Accounts } from '../accounts/room.ts'
import type { Audit } from '../audit/record.ts'
import type { Config } from '../config.ts'
import type { MailRoom } from '../mail/room.ts'
import type { Platform } from '../platform/open-platform.ts'
import type { EndSessions } from '../sessions/end-sessions.ts'
import type { Sessions } from '../sessions/room.ts'
import type { Signing } from '../signing/room.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { Tokens } from '../tokens/room.ts'
import { createAuthorize } from './authorize/authorize.ts'
import type { KeptCode } from './authorize/code.ts'
import { createCodeStore } from './authorize/code-store.ts'
import { createFreshCodes } from './authorize/fresh-codes.ts'
import { createParameterReader, createRequestPusher } from './authorize/pushed.ts'
import { createQuickAuthorize } from './authorize/quick-authorize.ts'
import { createQuickCodeStore } from './authorize/quick-code-store.ts'
import { createRequestObjects } from './authorize/request-object.ts'
import { createRequestStore } from './authorize/request-store.ts'
import { TOKEN_EXCHANGE } from './client.ts'
import { createLogoutNotifier } from './backchannel/logout-notice.ts'
import { createProofReader } from './client-authentication.ts'
import { createConsentStore } from './consent-store.ts'
import { createDpop } from './dpop.ts'
import { createDeviceAuthorization, DEVICE_GRANT } from './device/device-authorization.ts'
import { createDeviceStore } from './device/device-store.ts'
import { createPollStore } from './device/poll-store.ts'
import { createGrantStore } from './grant-store.ts'
import { createCodeGrant } from './grants/authorization-code.ts'
import { clientCredentials } from './grants/client-credentials.ts'
import { createDeviceGrant } from './grants/device-code.ts'
import { createRefreshGrant } from './grants/refresh-token.ts'
import { createTokenExchange } from './grants/token-exchange.ts'
import { createIdTokenHints } from './id-token-hint.ts'
import { createIdTokens } from './id-token.ts'
import { createIntrospection } from './introspection.ts'
import { createJtiStore } from './jti-store.ts'
import { openClients } from './open-clients.ts'
import { createLogoutRequests } from './logout.ts'
import { createRevocationVerbs } from './revocation-store.ts'
import { createRevocation } from './revocation.ts'
import { createReuseStore } from './reuse-store.ts'
import { createBindingRule } from './shown-token.ts'
import { createSubjects } from './subjects.ts'
import { createTokenAnswers } from './token-answer.ts'
import { createTokenEndpoint, type Grant } from './token-endpoint.ts'
import { createUserinfo } from './userinfo.ts'

export type OAuthDeps = {
  mail: MailRoom
  platform: Platform
  config: Config
  record: Audit
  abuse: Abuse
  signing: Signing
  tokens: Tokens
  accounts: Accounts
  sessions: Sessions
  endSessions: EndSessions
}

/** OAuth 2.0 and OpenID Connect: applications that people let in, and services that come by themselves. */
export function openOAuth(deps: OAuthDeps) {
  const { platform, config, record, mail, abuse, signing, tokens, accounts, sessions } = deps
  const { endSessions } = deps
  const { postgres, clock, sealer, dataKeys } = platform
  const { issuer, refreshIdleSeconds: idleSeconds } = config
  const { revocationFeed, accessTokens, checkToken, recallToken } = tokens
  const { findUser } = accounts

  const { spend: spendJti } = createJtiStore(postgres)
  const clients = openClients({ platform, config, record, revocationFeed, spendJti })
  const { findClient, keysOf, memory, authenticateClient, recallCaller } = clients
  const verifyDpop = createDpop({ clock, spendJti })
  const readRequestObject = createRequestObjects({ keysOf, clock, issuer })
  const subjects = createSubjects(dataKeys)
  const requests = createRequestStore({ postgres, sealer, clock })
  const { beginGrant, findSessionByToken } = sessions
  const endReused = createReuseStore({ postgres, record, endSessions })
  const polls = createPollStore({ postgres, beginGrant, endReused })
  const freshCodes = createFreshCodes<KeptCode>()
  const codes = createCodeStore({ postgres, clock, freshCodes, beginGrant, endReused })
  const consents = createConsentStore({ postgres, record, endSessions })
  const revocations = createRevocationVerbs({ postgres, clock, record, endSessions })
  const grantStore = createGrantStore(postgres)
  const issueIdToken = createIdTokens({
    keyRing: signing.keyRing,
    signJwt: signing.signJwt,
    clock,
    issuer
  })
  const readIdTokenHint = createIdTokenHints({ keyRing: signing.keyRing, issuer })

  const lifetimes = { idleSeconds, absoluteSeconds: config.refreshAbsoluteSeconds }
  const findGrant = grantStore.findLive
  const recallProven = createProofReader(memory.recallKnown)
  const { codeGrant, quickCodeGrant } = createCodeGrant({
    store: codes,
    revocationFeed,
    recallProven,
    ...lifetimes
  })
  const grants = new Map<string, Grant>([
    ['authorization_code', codeGrant],
    [DEVICE_GRANT, createDeviceGrant({ store: polls, revocationFeed, ...lifetimes })],
    [
      TOKEN_EXCHANGE,
      createTokenExchange({ checkToken, findGrant, postgres, record, clock, issuer })
    ],
    [
      'refresh_token',
      createRefreshGrant({ rotate: sessions.rotate, findSessionByToken, idleSeconds })
    ],
    ['client_credentials', clientCredentials]
  ])

  const notices = mail.startWorker(
    'logout_notice',
    createLogoutNotifier({
      findClient,
      subjects,
      signJwt: signing.signJwt,
      outbound: platform.outbound,
      clock,
      issuer
    })
  )

  return {
    stop: notices.stop,
    clients: clients.clients,
    initialAccessTokens: clients.initialAccessTokens,
    registration: clients.registration,
    authenticateClient,
    recallCaller,
    verifyDpop,
    issuer,
    pushRequest: createRequestPusher({ readRequestObject, requests }),
    authorize: createAuthorize({
      postgres,
      clock,
      issuer,
      readParameters: createParameterReader({ findClient, readRequestObject, requests }),
      requests,
      codes,
      consents,
      noteDocument: clients.noteDocument,
      findClient,
      readIdTokenHint,
      subjects
    }),
    authorizeQuickly: createQuickAuthorize({
      recallClient: memory.recallKnown,
      codes: createQuickCodeStore({ postgres, freshCodes }),
      issuer
    }),
    deviceAuthorization: createDeviceAuthorization({
      postgres,
      store: createDeviceStore({ postgres, clock, dataKeys }),
      consents,
      record,
      findClient,
      limitGuesses: abuse.limitCodeGuesses('device'),
      issuer
    }),
    ...createTokenEndpoint({
      authenticateClient,
      verifyDpop,
      issuer,
      grants,
      quickCodeGrant,
      answer: createTokenAnswers({
        accessTokens,
        issueIdToken,
        refreshTokenOf: sessions.refreshTokenOf,
        subjects,
        findUser,
        issuer
      })
    }),
    introspection: createIntrospection({
      checkToken,
      recallToken,
      findSessionByToken,
      subjects,
      signJwt: signing.signJwt,
      clock,
      issuer
    }),
    requestLogout: createLogoutRequests({
      findClient,
      readIdTokenHint,
      grants: grantStore,
      revocations,
      revocationFeed
    }),
    revokeToken: createRevocation({
      checkToken,
      findSessionByToken,
      store: revocations,
      revocationFeed
    }),
    userinfo: createUserinfo({
      keyRing: signing.keyRing,
      signJwt: signing.signJwt,
      checkToken,
      findClient,
      issuer,
      findGrant: async (sessionId) => {
        const grant = await grantStore.findLive(sessionId)
        const user = grant === null ? null : await findUser(grant.userId)
        return grant === null || user === null ? null : { user, claims: grant.claims }
      },
      requireBinding: createBindingRule(verifyDpop)
    }),
    listConsents: consents.list,
    /** Ends what the client was let in with, too. */
    revokeConsent: async (userId: string, clientId: string, origin: RequestOrigin) => {
      revocationFeed.announce(await consents.revoke(userId, clientId, origin))
    }
  }
}
