import { fastify } from 'fastify'
import packageJson from '../package.json' with { type: 'json' }
import { openAbuse } from './abuse/room.ts'
import { emailChangeRoutes } from './accounts/email-change-routes.ts'
import { passwordRoutes } from './accounts/password-routes.ts'
import { profileRoutes } from './accounts/profile-routes.ts'
import { openAccounts } from './accounts/room.ts'
import { accountRoutes } from './accounts/routes.ts'
import { outboxRoutes } from './admin/outbox-routes.ts'
import { openAdmin } from './admin/room.ts'
import { adminRoutes } from './admin/routes.ts'
import { openAudit } from './audit/room.ts'
import access from './http/access.ts'
import cookies from './http/cookies.ts'
import { createCrossSiteRule } from './http/cross-site.ts'
import drain from './http/drain.ts'
import hashingDoor from './http/hashing-door.ts'
import jsonBody from './http/json-body.ts'
import openapi from './http/openapi.ts'
import peerAddress from './http/peer-address.ts'
import problems from './http/problems.ts'
import rateLimits from './http/rate-limits.ts'
import requestLog from './http/request-log.ts'
import requestMetrics from './http/request-metrics.ts'
import shortPaths from './http/short-paths.ts'
import securityHeaders, { standingHeadersOf } from './http/security-headers.ts'
import { serverOptions } from './http/server-options.ts'
import { openMailTemplates } from './mail/render.ts'
import { mailDirectoryOf, openMail } from './mail/room.ts'
import { openDataKeyRoom, startKeyKeeper } from './ops/data-keys/room.ts'
import { healthRoutes } from './ops/health-routes.ts'
import { metricsRoutes } from './ops/metrics-routes.ts'
import { openPurge } from './ops/room.ts'
import { devMailPages } from './pages/dev-mail.ts'
import { clientAdminRoutes } from './oauth/client-admin-routes.ts'
import { createLogoutNotices } from './oauth/backchannel/logout-notice-store.ts'
import { initialAccessTokenRoutes } from './oauth/initial-access-token-routes.ts'
import { metadataRoutes } from './oauth/metadata-routes.ts'
import { oauthRoutes } from './oauth/oauth-routes.ts'
import { registrationRoutes } from './oauth/registration-routes.ts'
import { openOAuth } from './oauth/room.ts'
import { createErrorPage } from './pages/error-page.ts'
import { readLook } from './pages/look.ts'
import { openPages } from './pages/room.ts'
import { pagesScope } from './pages/scope.ts'
import { LANGUAGES } from './pages/texts.ts'
import type { Clock } from './platform/clock.ts'
import type { Metrics } from './platform/metrics.ts'
import { openPlatform, type PlatformConfig } from './platform/open-platform.ts'
import { createSessionEnder } from './sessions/end-sessions.ts'
import { ownSessionRoutes } from './sessions/own-sessions-routes.ts'
import { reauthenticationRoutes } from './sessions/reauthentication-routes.ts'
import { openSessions } from './sessions/room.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { openSigning } from './signing/room.ts'
import { signingRoutes } from './signing/routes.ts'
import { openTokens } from './tokens/room.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { openWebhooks } from './webhooks/room.ts'
import { webhookRoutes } from './webhooks/routes.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Postgres' time. */
    clock: Clock
    renderMetrics: Metrics['render']
    /** Loads what the first everyday query would wait for. */
    warmUp: () => Promise<void>
  }
}

/**
 * The whole house, in reading order: what it stands on, its rooms, its doors. Tests and production
 * build the same one; it never listens.
 * @throws when Postgres does not answer, the key-encryption key does not fit, a mail template is wrong, or a
 *   file that a setting names will not do
 */
export async function buildApp(config: PlatformConfig) {
  const { issuer } = config
  const look = readLook(config)
  const standing = await standingHeadersOf(issuer)
  const app = fastify(serverOptions(config, standing))
  const onFault = (error: unknown) => {
    app.log.warn({ err: error }, 'background work failed, it will be tried again')
  }
  /** What was done in the background. */
  const logAct = (line: object, text: string) => {
    app.log.info(line, text)
  }

  // What it stands on.
  const render = openMailTemplates(config)
  const platform = await openPlatform(config, onFault)
  const { postgres, ephemeral, clock } = platform
  app.decorate('clock', clock)
  platform.metrics.labelledGauge('info', 'The version that runs; always 1', ['version'], () => [
    { labels: { version: packageJson.version }, value: 1 }
  ])
  app.decorate('renderMetrics', platform.metrics.render)
  app.decorate('warmUp', platform.warmUp)
  app.addHook('onRequest', (_request, _reply, next) => {
    platform.dataKeys.afterFreeze(() => {
      next()
    })
  })

  // Rooms.
  const audit = openAudit(platform, logAct, onFault)
  const { record } = audit
  const signing = await openSigning(platform, config, { record, logKey: logAct, onFault })
  const tokens = await openTokens(platform, signing, config, onFault)
  const mail = openMail({ platform, config, render, onFault })
  const abuse = openAbuse(platform, config, onFault)
  const tellClients = createLogoutNotices(mail.outbox.enqueue)
  const endSessions = createSessionEnder({ clock, record, tellClients })
  const { revocationFeed } = tokens
  const rooms = { platform, config, record, mail, abuse, endSessions, revocationFeed, onFault }
  const accounts = await openAccounts(rooms)
  const sessions = openSessions({ ...rooms, tokens, accounts })
  const webhooks = openWebhooks(rooms)
  const oauth = openOAuth({ ...rooms, signing, tokens, accounts, sessions })
  const { browser } = sessions
  const pages = openPages({ look, browser, issuer })
  const purge = openPurge(platform, config, onFault)
  const keeper = startKeyKeeper(openDataKeyRoom(platform, config, record), onFault)
  app.addHook('onClose', async () => {
    const running = [oauth, accounts, mail, tokens, signing, webhooks, audit, purge, keeper]
    await Promise.all(running.map((room) => room.stop()))
    await platform.close()
  })

  // Doors: how bytes come in, who may pass, how errors go out.
  await app.register(problems, { renderPage: createErrorPage(pages) })
  await app.register(requestMetrics, { metrics: platform.metrics })
  await app.register(requestLog)
  await app.register(drain)
  await app.register(peerAddress)
  await app.register(cookies, { issuer })
  await app.register(securityHeaders, { standing, corsOrigins: config.corsOrigins })
  await app.register(shortPaths, {
    isTraced: config.traceEndpoint !== undefined,
    isFrozen: platform.dataKeys.isFrozen,
    trustedProxies: config.trustedProxies
  })
  await app.register(jsonBody)
  await app.register(rateLimits, { limits: limitsOf(config), count: abuse.countFlood })
  await app.register(hashingDoor, { turnAway: accounts.turnAwayHash })
  await app.register(access, { findPrincipal: sessions.findPrincipal, now: clock.now })
  await app.register(openapi, { issuer, version: packageJson.version })

  // Routes.
  await app.register(accountRoutes, accounts)
  await app.register(passwordRoutes, accounts)
  await app.register(profileRoutes, accounts)
  await app.register(emailChangeRoutes, accounts)
  const crossSite = createCrossSiteRule(config)
  await app.register(sessionRoutes, { ...sessions, crossSite, captcha: abuse.captcha })
  await app.register(reauthenticationRoutes, sessions)
  await app.register(ownSessionRoutes, sessions)
  const admin = openAdmin({ ...rooms, accounts, sessions })
  await app.register(adminRoutes, admin)
  await app.register(outboxRoutes, admin)
  await app.register(webhookRoutes, webhooks)
  await app.register(clientAdminRoutes, oauth)
  await app.register(oauthRoutes, oauth)
  await app.register(initialAccessTokenRoutes, oauth)
  if (config.dynamicRegistration !== 'off') await app.register(registrationRoutes, oauth)
  await app.register(metadataRoutes, { ...config, uiLocales: LANGUAGES })
  await app.register(tokenRoutes, { ...tokens, issuer })
  await app.register(signingRoutes, signing)
  await app.register(healthRoutes, {
    isDatabaseUp: () => postgres.isReachable(),
    isRedisUp: () => ephemeral.isReachable(),
    redisKind: ephemeral.kind,
    isDraining: () => app.isDraining,
    now: clock.now
  })
  await app.register(metricsRoutes, {
    render: platform.metrics.render,
    token: config.metricsToken,
    production: config.production,
    isElsewhere: config.metricsPort !== undefined
  })
  const showsMail = config.smtpUrl === undefined
  await app.register(pagesScope, {
    ...accounts,
    ...sessions,
    ...oauth,
    pages,
    showsMail,
    sessionSeconds: config.refreshAbsoluteSeconds,
    logsInAtOnce: !config.emailVerificationRequired
  })
  if (showsMail) {
    await app.register(devMailPages, { directory: mailDirectoryOf(config), pages })
  }

  return app
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

function limitsOf(config: PlatformConfig) {
  return {
    login: { max: config.rateLimitLoginPerMinute, windowMs: MINUTE_MS },
    register: { max: config.rateLimitRegisterPerHour, windowMs: HOUR_MS },
    reset: { max: config.rateLimitResetPerHour, windowMs: HOUR_MS },
    client_registration: {
      max: config.rateLimitClientRegistrationPerHour,
      windowMs: HOUR_MS
    },
    device: { max: config.rateLimitDevicePerHour, windowMs: HOUR_MS },
    authorize: { max: config.rateLimitAuthorizePerMinute, windowMs: MINUTE_MS }
  }
}
