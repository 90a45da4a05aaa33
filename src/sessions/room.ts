import type { Accounts } from '../accounts/room.ts'
import type { Audit } from '../audit/record.ts'
import type { Config } from '../config.ts'
import type { MailRoom } from '../mail/room.ts'
import { createFigure } from '../platform/figure.ts'
import type { Platform } from '../platform/open-platform.ts'
import type { Tokens } from '../tokens/room.ts'
import type { EndSessions } from './end-sessions.ts'
import { createSessionBeginner } from './begin-session.ts'
import { createEventComposer } from '../audit/event-row.ts'
import { createBrowserSessionStore } from './browser-session-store.ts'
import { createBrowserSessions } from './browser-sessions.ts'
import { createLoginProof } from './login-proof.ts'
import { createLogin } from './login.ts'
import { createLogout } from './logout.ts'
import { createNewDevices } from './new-device.ts'
import { createOwnSessions } from './own-sessions.ts'
import { createPrincipalFinder } from './principal.ts'
import { createReauthenticationStore } from './reauthentication-store.ts'
import { createReauthentication } from './reauthentication.ts'
import { createGrantBeginner } from './begin-grant.ts'
import { createRefresh, createRotation } from './refresh.ts'
import { createRotationStore } from './rotation-store.ts'
import { createSessionGaugesStore } from './session-gauges-store.ts'
import { createSessionLookup } from './session-lookup.ts'
import { createSessionStore } from './session-store.ts'
import { createRefreshTokenWriter, createTokenIssuers } from './token-pair.ts'

/** What a login by password ends with, at whichever door. */
const LOGIN_OUTCOMES = [
  'succeeded',
  'invalid_credentials',
  'account_disabled',
  'email_not_verified',
  'password_reset_required',
  'too_many_attempts',
  'service_unavailable'
] as const

export type SessionsDeps = {
  platform: Platform
  config: Config
  record: Audit
  mail: MailRoom
  tokens: Tokens
  accounts: Accounts
  endSessions: EndSessions
}

export type Sessions = ReturnType<typeof openSessions>

/** Logging in, staying in, logging out. */
export function openSessions(deps: SessionsDeps) {
  const { platform, config, record, mail, tokens, accounts, endSessions } = deps
  const { postgres, sealer, clock, dataKeys, metrics } = platform
  const { issuer, refreshIdleSeconds: idleSeconds } = config
  const { accessTokens, checkToken, revocationFeed } = tokens
  const { issuePair, issueAccess } = createTokenIssuers({
    accessTokens,
    dataKeys,
    sealer,
    clock,
    scopesOf: accounts.roles.scopesOf,
    personalClaims: config.accessTokenClaims
  })
  const lifetimes = { idleSeconds, absoluteSeconds: config.refreshAbsoluteSeconds }
  const beginSession = createSessionBeginner({
    ...lifetimes,
    sealer,
    clock,
    record,
    newDevices: createNewDevices({
      sealer,
      takeMailSlot: mail.takeMailSlot,
      enqueueMail: mail.enqueueMail,
      issuer
    }),
    endSessions,
    sessionsPerUser: config.sessionsPerUser
  })
  const writing = { postgres, sealer, clock, record, beginSession, endSessions }
  const { killPendingChanges } = accounts
  const store = createSessionStore({ ...writing, killPendingChanges })
  const rotations = createRotationStore({
    postgres,
    sealer,
    record,
    endSessions,
    enqueueMail: mail.enqueueMail,
    issuer,
    graceSeconds: config.refreshGraceSeconds
  })
  const rotation = createRotation({ store: rotations, dataKeys, revocationFeed, metrics })
  const ownSessions = createOwnSessions({ store, revocationFeed })
  const logins = metrics.outcomes('logins_total', 'Logins by password', LOGIN_OUTCOMES)
  const prove = createLoginProof({
    checkPassword: accounts.checkPassword,
    tellFailedLogin: accounts.tellFailedLogin,
    devices: accounts.devices,
    unverified: unverifiedMay(config)
  })
  const proveLogin = logins.watch(prove, 'succeeded')
  metrics.gauge(
    'sessions_active',
    'Sessions that live, grants of clients included; in large tables an estimate from a sample',
    createFigure(createSessionGaugesStore(postgres), { keepMs: 15_000 })
  )
  return {
    login: createLogin({ proveLogin, store, issuePair, revocationFeed }),
    /** Logins at the pages. */
    browser: createBrowserSessions({
      proveLogin,
      store: createBrowserSessionStore({ ...writing, ...lifetimes }),
      findUser: accounts.findUser,
      revocationFeed
    }),
    ...createRefresh({ rotation, issuePair, idleSeconds }),
    rotate: rotation.rotate,
    beginGrant: createGrantBeginner({
      postgres,
      sealer,
      clock,
      composeEvent: createEventComposer({ sealer, clock })
    }),
    findSessionByToken: createSessionLookup({ store, dataKeys, clock }),
    refreshTokenOf: createRefreshTokenWriter({ dataKeys, clock }),
    logout: createLogout({ store, dataKeys, clock, revocationFeed }),
    reauthenticate: createReauthentication({
      proveOwnPassword: accounts.proveOwnPassword,
      store: createReauthenticationStore({ postgres, record }),
      issueAccess
    }),
    ownSessions,
    listOf: ownSessions.listOf,
    findPrincipal: createPrincipalFinder({
      checkToken,
      store,
      findUser: accounts.findUser,
      scopesOf: accounts.roles.scopesOf,
      issuer
    })
  }
}

function unverifiedMay(config: Config): 'allowed' | 'told' | 'refused' {
  if (!config.emailVerificationRequired) return 'allowed'
  return config.registrationRevealsEmail ? 'told' : 'refused'
}
