import { join } from 'node:path'
import { fastify } from 'fastify'
import packageJson from '../package.json' with { type: 'json' }
import { createAttemptStore } from './abuse/attempt-store.ts'
import { createGuessLimit } from './abuse/guess-limit.ts'
import { createPasswordCheck } from './accounts/credentials.ts'
import { createMailTokenStore } from './accounts/mail-token-store.ts'
import { createPasswordHasher } from './accounts/password-hasher.ts'
import { createPasswordPolicy } from './accounts/password-policy.ts'
import { createRegistrationStore } from './accounts/registration-store.ts'
import { createRegistrations } from './accounts/registration.ts'
import { accountRoutes } from './accounts/routes.ts'
import { createUserStore } from './accounts/user-store.ts'
import { createAudit } from './audit/record.ts'
import access from './http/access.ts'
import drain from './http/drain.ts'
import jsonBody from './http/json-body.ts'
import openapi from './http/openapi.ts'
import problems from './http/problems.ts'
import requestLog from './http/request-log.ts'
import securityHeaders from './http/security-headers.ts'
import { serverOptions } from './http/server-options.ts'
import { createCapturedTransport } from './mail/captured.ts'
import { createOutboxStore } from './mail/outbox-store.ts'
import { createOutbox } from './mail/outbox.ts'
import { renderMail } from './mail/render.ts'
import { startMailSender } from './mail/sender.ts'
import { createSmtpTransport } from './mail/transport.ts'
import { healthRoutes } from './ops/health.ts'
import { devMailPages } from './pages/dev-mail.ts'
import { pagesScope } from './pages/scope.ts'
import { startLoop } from './platform/loop.ts'
import type { Clock } from './platform/clock.ts'
import { openPlatform, type PlatformConfig } from './platform/open-platform.ts'
import { createLogin } from './sessions/login.ts'
import { createLogout } from './sessions/logout.ts'
import { createPrincipalFinder } from './sessions/principal.ts'
import { createRefresh } from './sessions/refresh.ts'
import { createRotationStore } from './sessions/rotation-store.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { createSessionStore } from './sessions/session-store.ts'
import { createTokenPairs } from './sessions/token-pair.ts'
import { openKeyRing } from './signing/key-ring.ts'
import { signingRoutes } from './signing/routes.ts'
import { createSigningKeyStore } from './signing/store.ts'
import { createAccessTokens } from './tokens/access-token.ts'
import { startRevocationFeed } from './tokens/revocation-feed.ts'
import { createRevocationStore } from './tokens/revocation-store.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { createTokenCheck } from './tokens/token-check.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Postgres' time. */
    clock: Clock
  }
}

const KEYS_RELOAD_MS = 500
const CODE_GUESSES_PER_HOUR = 5

/**
 * The whole house, in reading order: what it stands on, its rooms, its doors. Tests and production
 * build the same one; it never listens.
 * @throws when Postgres does not answer or the key-encryption key does not fit
 */
export async function buildApp(config: PlatformConfig) {
  const { issuer, dataDir } = config
  const app = fastify(serverOptions(config))
  const onFault = (error: unknown) => {
    app.log.warn({ err: error }, 'background work failed, it will be tried again')
  }

  // What it stands on.
  const platform = await openPlatform(config, onFault)
  const { postgres, clock, dataKeys, sealer, ephemeral } = platform
  app.decorate('clock', clock)

  // Signing keys and tokens.
  const keyRing = await openKeyRing({ store: createSigningKeyStore(postgres), sealer, clock })
  const revocationStore = createRevocationStore(postgres)
  const revocationFeed = await startRevocationFeed({
    store: revocationStore,
    ephemeral,
    clock,
    onFault
  })
  const keysLoop = startLoop({
    intervalMs: KEYS_RELOAD_MS,
    onFault,
    work: async () => {
      await Promise.all([clock.sync(), keyRing.reload()])
    }
  })
  const accessTokens = createAccessTokens({
    keyRing,
    clock,
    issuer,
    audience: config.accessTokenAudience,
    ttlSeconds: config.accessTokenTtlSeconds
  })
  const checkToken = createTokenCheck(accessTokens, revocationFeed)

  // Audit and mail: written with the fact, told afterwards.
  const record = createAudit({ sealer, clock })
  const enqueueMail = createOutbox({ sealer, clock })
  const mailDirectory = join(dataDir, 'mail')
  const transport =
    config.smtpUrl === undefined
      ? createCapturedTransport(mailDirectory, config.mailFrom)
      : createSmtpTransport(config.smtpUrl, config.mailFrom)
  const mailSender = startMailSender({
    store: createOutboxStore(postgres),
    sealer,
    transport,
    render: renderMail,
    issuer,
    onFault
  })
  app.addHook('onClose', async () => {
    await Promise.all([mailSender.stop(), keysLoop.stop(), revocationFeed.stop()])
    transport.close()
    await platform.close()
  })

  // Accounts.
  const hasher = await createPasswordHasher({
    memoryKib: config.argon2MemoryKib,
    passes: config.argon2Passes,
    concurrency: config.argon2Concurrency,
    queueLength: config.argon2QueueLength
  })
  const users = createUserStore({ postgres, sealer })
  const mailTokens = createMailTokenStore({ dataKeys, sealer, clock })
  const createUserAtOnce = !config.emailVerificationRequired
  const registrations = createRegistrations({
    store: createRegistrationStore({
      postgres,
      sealer,
      clock,
      mailTokens,
      enqueueMail,
      record,
      issuer
    }),
    hasher,
    requireStrongPassword: createPasswordPolicy(config.passwordMinLength),
    limitCodeGuesses: createGuessLimit({
      store: createAttemptStore(postgres),
      dataKeys,
      kind: 'verify-email code',
      limit: CODE_GUESSES_PER_HOUR,
      windowSeconds: 3_600
    }),
    rules: {
      createUserAtOnce,
      refuseTakenEmail: createUserAtOnce || config.registrationRevealsEmail
    }
  })

  // Sessions.
  const issuePair = createTokenPairs({
    accessTokens,
    dataKeys,
    sealer,
    clock,
    personalClaims: config.accessTokenClaims
  })
  const sessions = createSessionStore({
    postgres,
    sealer,
    clock,
    record,
    idleSeconds: config.refreshIdleSeconds,
    absoluteSeconds: config.refreshAbsoluteSeconds
  })
  const rotations = createRotationStore({
    postgres,
    sealer,
    record,
    enqueueMail,
    issuer,
    graceSeconds: config.refreshGraceSeconds,
    idleSeconds: config.refreshIdleSeconds
  })
  const login = createLogin({
    checkPassword: createPasswordCheck({ store: users, hasher }),
    store: sessions,
    issuePair,
    unverified: createUserAtOnce ? 'allowed' : config.registrationRevealsEmail ? 'told' : 'refused'
  })
  const refresh = createRefresh({ store: rotations, dataKeys, issuePair, revocationFeed })
  const logout = createLogout({ store: sessions, dataKeys, revocationFeed })
  const findPrincipal = createPrincipalFinder({
    checkToken,
    store: sessions,
    findUser: users.findById,
    issuer
  })

  // Doors: how bytes come in, who may pass, how errors go out.
  await app.register(problems)
  await app.register(requestLog)
  await app.register(drain)
  await app.register(securityHeaders, { issuer, corsOrigins: config.corsOrigins })
  await app.register(jsonBody)
  await app.register(access, { findPrincipal })
  await app.register(openapi, { issuer, version: packageJson.version })

  // Rooms.
  await app.register(accountRoutes, { registrations })
  await app.register(sessionRoutes, { login, refresh, logout, findPrincipal })
  await app.register(tokenRoutes, { checkToken, issuer })
  await app.register(signingRoutes, { keyRing })
  await app.register(healthRoutes, {
    isDatabaseUp: postgres.isReachable,
    isRedisUp: () => ephemeral.isReachable(),
    redisKind: ephemeral.kind,
    isDraining: () => app.isDraining,
    now: clock.now
  })
  await app.register(pagesScope, { registrations })
  if (config.smtpUrl === undefined) await app.register(devMailPages, { directory: mailDirectory })

  return app
}
