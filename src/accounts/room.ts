import type { Abuse } from '../abuse/room.ts'
import type { Audit } from '../audit/record.ts'
import { createActs } from '../audit/acts.ts'
import { createAuditTrail } from '../audit/trail.ts'
import { createFigure } from '../platform/figure.ts'
import { startLoop } from '../platform/loop.ts'
import type { Config } from '../config.ts'
import type { MailRoom } from '../mail/room.ts'
import type { Platform } from '../platform/open-platform.ts'
import type { EndSessions } from '../sessions/end-sessions.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import { createEmailChangeStore } from './email-change-store.ts'
import { createEmailChanges } from './email-change.ts'
import { createExportStore } from './export-store.ts'
import { createExport } from './export.ts'
import { createKnownDeviceStore } from './known-device-store.ts'
import { createKnownDevices } from './known-devices.ts'
import { createProfileStore } from './profile-store.ts'
import { createProfiles } from './profile.ts'
import { createRoleStore } from './role-store.ts'
import { createAskForReset } from './ask-for-reset.ts'
import { openRoles } from './roles.ts'
import { createCredentials } from './credentials.ts'
import { createFailureStore } from './failure-store.ts'
import { createFailures } from './failures.ts'
import { createLockNoticeStore } from './lock-notice-store.ts'
import { createMailRequestStore } from './mail-request-store.ts'
import { createMailRequests } from './mail-requests.ts'
import { createMailTokenStore } from './mail-token-store.ts'
import { killPendingChanges } from './pending-change-store.ts'
import { createPasswordHasher } from './password-hasher.ts'
import { openPasswordPolicy } from './open-password-policy.ts'
import { createPasswordStore } from './password-store.ts'
import { createPasswords } from './passwords.ts'
import { createResetOwners } from './reset-owner-store.ts'
import { createResetMails } from './reset-mail-store.ts'
import { createRegistrationStore } from './registration-store.ts'
import { createRegistrationSalt } from './registration-salt.ts'
import { createRegistrations } from './registration.ts'
import { createUserMaker } from './make-user-store.ts'
import { createUsernameReservations } from './username-claim-store.ts'
import { createUserStore } from './user-store.ts'
import { createVerificationMailStore } from './verification-mail-store.ts'
import { createVerificationStore } from './verification-store.ts'

const ROLES_RELOAD_MS = 5_000

export type AccountsDeps = {
  platform: Platform
  config: Config
  record: Audit
  mail: MailRoom
  abuse: Abuse
  endSessions: EndSessions
  revocationFeed: RevocationFeed
  onFault: (error: unknown) => void
}

export type Accounts = Awaited<ReturnType<typeof openAccounts>>

/** Everything that a person does with an account, apart from logging in. */
export async function openAccounts(deps: AccountsDeps) {
  const { platform, config, record, mail, abuse, endSessions, revocationFeed, onFault } = deps
  const { postgres, reader, sealer, clock, dataKeys } = platform
  const { issuer } = config
  const hasher = await createPasswordHasher({
    memoryKib: config.argon2MemoryKib,
    passes: config.argon2Passes,
    concurrency: config.argon2Concurrency,
    queueLength: config.argon2QueueLength,
    waitMs: config.argon2WaitMs,
    metrics: platform.metrics,
    inPool: platform.pool.whileHashing
  })
  const { requireStrongPassword, close: closePolicy } = openPasswordPolicy(platform, config)
  const mailTokens = createMailTokenStore({ dataKeys, sealer, clock })
  const { takeMailSlot, enqueueMail } = mail
  const facts = { postgres, sealer, clock, mailTokens, record, endSessions, issuer }
  const writing = { ...facts, takeMailSlot, enqueueMail }
  const makeUser = createUserMaker({ sealer, clock })
  const verificationMails = createVerificationMailStore(writing)
  const sendVerification = verificationMails.send
  const registrationStore = createRegistrationStore({
    ...writing,
    makeUser,
    reserveUsername: createUsernameReservations(dataKeys),
    sendVerification
  })
  const sendReset = createResetMails(writing)
  const verificationStore = createVerificationStore({ ...writing, makeUser, sendReset })
  const passwordStore = createPasswordStore({ ...writing, sendReset })
  const users = createUserStore({ postgres, reader, sealer })
  platform.metrics.gauge(
    'foreign_password_hashes',
    'Users whose password is still hashed as another system did; beyond ten thousand an estimate',
    createFigure(users.countForeignHashes, { keepMs: 0 })
  )
  const emailChangeStore = createEmailChangeStore(writing)
  const profileStore = createProfileStore(writing)
  const mailRequestStore = createMailRequestStore({ postgres, outbox: mail.outbox })
  const roles = await openRoles(createRoleStore(postgres))

  const failures = createFailures({
    store: createFailureStore({ postgres, record }),
    countFlood: abuse.countFlood
  })
  const tellFailedProof = failures.tellProof
  const devices = createKnownDevices({
    store: createKnownDeviceStore({ postgres, clock }),
    dataKeys
  })
  const credentials = createCredentials({
    store: users,
    hasher,
    guess: abuse.lanes.guess,
    recognizeDevice: devices.recognize,
    countFlood: abuse.countFlood,
    takePass: abuse.loginPasses.take,
    loginsPerName: config.rateLimitLoginPerName,
    sealLockNotice: mailRequestStore.sealLockNotice,
    tellFailedPassword: failures.tellPassword
  })
  const createUserAtOnce = !config.emailVerificationRequired
  const registered = platform.metrics.outcomes('registrations_total', 'Registrations asked for', [
    'accepted',
    'weak_password',
    'username_taken',
    'email_taken',
    'validation_failed',
    'service_unavailable'
  ])
  const registrations = createRegistrations({
    store: { ...registrationStore, ...verificationStore },
    hasher,
    saltOf: createRegistrationSalt(dataKeys),
    requireStrongPassword,
    limitCodeGuesses: abuse.limitCodeGuesses('verify-email'),
    confirmEmailChange: emailChangeStore.confirm,
    tellFailedProof,
    rules: {
      createUserAtOnce,
      refuseTakenEmail: createUserAtOnce || config.registrationRevealsEmail
    }
  })
  const passwords = createPasswords({
    store: passwordStore,
    findOwnWords: createResetOwners(writing),
    hasher,
    requireStrongPassword,
    limitCodeGuesses: abuse.limitCodeGuesses('reset-password'),
    proveOwnPassword: credentials.proveOwnPassword,
    tellFailedProof,
    forgive: abuse.lanes.forgive,
    grantPass: abuse.loginPasses.grant,
    revocationFeed
  })
  const { proveOwnPassword } = credentials
  const emailChanges = createEmailChanges({
    store: emailChangeStore,
    proveOwnPassword,
    tellFailedProof,
    revocationFeed
  })
  const { find: findEvents } = createAuditTrail({ reader: postgres, sealer })
  const profiles = createProfiles({
    store: profileStore,
    users,
    proveOwnPassword,
    revocationFeed
  })
  const exportData = createExport({
    store: createExportStore({ postgres, sealer }),
    findEvents,
    findActs: createActs({ reader: postgres, sealer })
  })
  const mailRequests = createMailRequests({
    store: mailRequestStore,
    renewVerification: verificationMails.renew,
    renewReset: passwordStore.mailReset,
    isUntold: abuse.lanes.isUntold,
    tellGuesses: createLockNoticeStore({ ...writing, takeTelling: abuse.lanes.takeTelling }).tell
  })
  const rolesLoop = startLoop({ intervalMs: ROLES_RELOAD_MS, work: roles.reload, onFault })
  const requests = mail.startWorker('mail_request', mailRequests.fulfil)

  return {
    registrations: {
      ...registrations,
      register: registered.watch(registrations.register, 'accepted')
    },
    passwords,
    profiles,
    exportData,
    emailChanges,
    roles,
    mailRequests,
    askForReset: createAskForReset({ captcha: abuse.captcha, ask: mailRequests.ask }),
    captcha: abuse.captcha,
    devices,
    checkPassword: credentials.checkPassword,
    /** For the door: whether another login, or whatever else needs a hash, is turned away. */
    turnAwayHash: hasher.turnAway,
    proveOwnPassword,
    tellFailedLogin: failures.tellLogin,
    killPending: mailTokens.killPending,
    killPendingChanges,
    findUser: users.findById,
    showUsers: users.showByIds,
    findUserByEmail: users.findUserByEmail,
    stop: async () => {
      await Promise.all([requests.stop(), rolesLoop.stop(), closePolicy()])
    }
  }
}
