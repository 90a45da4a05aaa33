import { text } from 'node:stream/consumers'
import { createGuessLaneStore } from '../src/abuse/guess-lane-store.ts'
import { createGuessLanes } from '../src/abuse/guess-lanes.ts'
import { createPasswordHasher } from '../src/accounts/password-hasher.ts'
import { openPasswordPolicy } from '../src/accounts/open-password-policy.ts'
import { createUserByOperator } from '../src/accounts/create-user-store.ts'
import { createMailTokenStore } from '../src/accounts/mail-token-store.ts'
import { createRoleStore } from '../src/accounts/role-store.ts'
import { openRoles } from '../src/accounts/roles.ts'
import { killPendingChanges } from '../src/accounts/pending-change-store.ts'
import { createUserStore } from '../src/accounts/user-store.ts'
import { createOwnLanes } from '../src/admin/own-lanes-store.ts'
import { createUserAdminStore, type UserChange } from '../src/admin/user-admin-store.ts'
import { createAudit } from '../src/audit/record.ts'
import { createLogoutNotices } from '../src/oauth/backchannel/logout-notice-store.ts'
import { amount } from '../src/ops/doctor/finding.ts'
import { createOutbox } from '../src/mail/outbox.ts'
import { parseEmailAddress, type EmailAddress } from '../src/lib/email-address.ts'
import type { Platform, PlatformConfig } from '../src/platform/open-platform.ts'
import { createSessionEnder } from '../src/sessions/end-sessions.ts'
import { readCommandLine } from './support/command-line.ts'
import { runScript, ScriptError } from './support/run-script.ts'
import { importUsers } from './users/import.ts'

const USAGE = `People, from the operator's side.

  npm run users -- create EMAIL [--admin] [--username NAME] [--password-stdin]
  npm run users -- role EMAIL ROLE [ROLE …]     set the roles; the next token has them
  npm run users -- disable EMAIL                every session ends
  npm run users -- enable EMAIL
  npm run users -- unlock EMAIL                 wrong passwords are forgotten: they get in at once
  npm run users -- import FILE [--dry-run]      bring people along, docs/migrate-users.md tells how

Without --password-stdin the person sets a password by "forgot password".`

const line = readCommandLine({
  usage: USAGE,
  options: {
    admin: { type: 'boolean', default: false },
    username: { type: 'string' },
    'password-stdin': { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  },
  commands: {
    create: ['EMAIL'],
    role: ['EMAIL', 'ROLE…'],
    disable: ['EMAIL'],
    enable: ['EMAIL'],
    unlock: ['EMAIL'],
    import: ['FILE']
  }
})
type Line = NonNullable<typeof line>
if (line !== null) await runScript((platform, config) => run(platform, config, line))

async function run(platform: Platform, config: PlatformConfig, line: Line): Promise<void> {
  const { command, operands, values } = line
  const [operand = '', ...rest] = operands
  if (command === 'import') return importUsers(platform, operand, values['dry-run'])
  const email = requireAddress(operand)
  switch (command) {
    case 'create':
      return create(platform, config, { email, values })
    case 'role':
      return setRoles(platform, email, rest)
    case 'disable': {
      const set = { status: 'disabled' } as const
      const event = 'account.disabled'
      await apply(platform, email, { event, set, endsSessions: 'account_disabled' })
      return
    }
    case 'enable':
      await apply(platform, email, { event: 'account.enabled', set: { status: 'active' } })
      return
    case 'unlock':
      return unlock(platform, email)
  }
}

async function create(
  platform: Platform,
  config: PlatformConfig,
  { email, values }: { email: EmailAddress; values: Line['values'] }
): Promise<void> {
  const { postgres, sealer, dataKeys, clock } = platform
  const username = values.username ?? null
  if (username !== null && !/^[a-z0-9._-]{3,64}$/.test(username)) {
    throw new ScriptError('A username has 3 to 64 of a-z, 0-9, dot, underscore, dash.')
  }
  const passwordHash = values['password-stdin']
    ? await hashFromStdin(platform, config, email)
    : null
  const createUser = createUserByOperator({
    postgres,
    sealer,
    dataKeys,
    clock,
    record: createAudit({ sealer, clock })
  })
  const roles = values.admin ? ['admin', 'user'] : ['user']
  const created = await createUser({ email, username, passwordHash, roles })
  if (created === 'email_taken') throw new ScriptError('This address has an account already.')
  if (created === 'username_taken') throw new ScriptError('This username is taken.')
  console.log(`Created ${created.id} (${roles.join(', ')}).`)
  if (passwordHash === null)
    console.log('No password yet: "forgot password" sends a mail to set one.')
}

async function hashFromStdin(
  platform: Platform,
  config: PlatformConfig,
  email: EmailAddress
): Promise<string> {
  const password = (await text(process.stdin)).replace(/\r?\n$/, '')
  const { requireStrongPassword, close } = openPasswordPolicy(platform, config)
  await requireStrongPassword('password', password, [email.address])
  await close()
  const hasher = await createPasswordHasher({
    memoryKib: config.argon2MemoryKib,
    passes: config.argon2Passes,
    concurrency: 1,
    queueLength: 1,
    metrics: platform.metrics
  })
  return hasher.hash(password)
}

async function setRoles(platform: Platform, email: EmailAddress, roles: string[]): Promise<void> {
  const known = await openRoles(createRoleStore(platform.postgres))
  const unknown = roles.filter((role) => !known.exists(role))
  if (unknown.length > 0) throw new ScriptError(`There is no role ${unknown.join(', ')}.`)
  const set = { roles: [...new Set(roles)].sort() }
  await apply(platform, email, { event: 'account.roles_changed', set })
}

async function unlock(platform: Platform, email: EmailAddress): Promise<void> {
  const { postgres, dataKeys, metrics } = platform
  const { forgive } = createGuessLanes({
    store: createGuessLaneStore(postgres),
    dataKeys,
    metrics
  })
  const { id } = await apply(platform, email, { event: 'account.unlocked', set: {} })
  const findOwnLanes = createOwnLanes(postgres)
  await forgive(...(await findOwnLanes(id)))
}

/** @throws {ScriptError} where nobody has this address */
async function apply(
  platform: Platform,
  email: EmailAddress,
  change: UserChange
): Promise<{ id: string }> {
  const { postgres, reader, sealer, clock, dataKeys } = platform
  const user = await createUserStore({ postgres, reader, sealer }).findUserByEmail(email.canonical)
  if (user === null) throw new ScriptError('There is no account with this address.')
  const record = createAudit({ sealer, clock })
  const endSessions = createSessionEnder({
    clock,
    record,
    tellClients: createLogoutNotices(createOutbox({ sealer, clock }).enqueue)
  })
  const { killPending } = createMailTokenStore({ dataKeys, sealer, clock })
  const writing = { postgres, reader, clock, endSessions, record }
  const store = createUserAdminStore({ ...writing, killPending, killPendingChanges })
  const origin = { requestId: 'npm run users', address: 'operator' }
  const applied = await store.apply({ adminId: null, userId: user.id, origin }, change)
  console.log(`Done; ${amount(applied?.ended.length ?? 0, 'session')} ended.`)
  return user
}

function requireAddress(typed: string): EmailAddress {
  const email = parseEmailAddress(typed)
  if (email === null) throw new ScriptError(`Name an e-mail address.\n\n${USAGE}`)
  return email
}
