import t from 'tap'
import { createChainCheck } from '../../src/audit/chain-check.ts'
import { createChainStore } from '../../src/audit/chain-store.ts'
import { createSealStore } from '../../src/audit/seal-store.ts'
import type { CapturedMail } from '../../src/mail/captured.ts'
import { createKeeper } from '../../src/ops/data-keys/keeper.ts'
import { SEALED_COLUMNS } from '../../src/ops/data-keys/sealed-columns.ts'
import { KEY_PURPOSES } from '../../src/platform/keys/data-keys.ts'

import { startApp } from '../support/app.ts'
import { freshEmail, givenSession, mailTo, refresh, secretsOf } from '../support/builders.ts'
import { keyIds, openOperator, plantSealed } from '../support/data-keys.ts'
import { dumpDatabase } from '../support/database-dump.ts'
import { eventually } from '../support/eventually.ts'
import { givenRegistration, login, verify } from '../support/registrations.ts'

const PATIENCE_MS = 90_000
const DAY_SECONDS = 86_400
const ROTATING = KEY_PURPOSES.filter((purpose) => purpose !== 'pairwise')

const app = await startApp(t, { DATA_KEY_ANNOUNCE_SECONDS: '5' })
const operator = await openOperator(t, app)
const { platform, keys } = operator
const { postgres, dataKeys } = platform
const sealNext = createSealStore({ postgres, dataKeys }).sealNext
const checkChain = createChainCheck({ store: createChainStore(postgres), dataKeys })

const session = await givenSession(app)
const pending = await givenRegistration(app)
const planted = await Promise.all(
  // Of an address that was left there is a real one: its row moves.
  SEALED_COLUMNS.filter(
    ({ keeps, table }) => keeps === undefined && table !== 'reserved_email'
  ).map((place) => plantSealed(app, operator, place))
)
const mover = await givenSession(app)
const movedTo = await changeEmail(mover)
await verify(app, { token: secretsOf(await mailTo(app, movedTo)).token })
const undo = linkOf(await mailTo(app, mover.user.email, /changed/i))
const wanted = await changeEmail(session)
const confirmation = secretsOf(await mailTo(app, wanted))
await app.post('/auth/forgot-password', { email: session.user.email })
await sealNext()
const before = await keyIds(app)

function linkOf({ text }: CapturedMail): string {
  return /token=([\w-]+)/.exec(text)![1]!
}

/** Asks for a mail to a new address of theirs. */
async function changeEmail({ user, accessToken }: typeof session): Promise<string> {
  const email = freshEmail()
  const body = { email, current_password: user.password }
  await app.post('/users/change-email', body, { authorization: `Bearer ${accessToken}` })
  return email
}

void t.test('every purpose rotated: announced, and used by nobody yet', async (t) => {
  for (const purpose of ROTATING) {
    const outcome = await keys.rotate(purpose)
    t.equal(outcome.kind, 'announced', purpose)
    t.equal((await keys.rotate(purpose)).kind, 'under_way', 'not twice at once')
  }
  t.equal((await keys.rotate('pairwise')).kind, 'never')
  await dataKeys.reload()
  const sealed = platform.sealer.seal('x', { table: 'users', column: 'email_sealed', row: '1' })
  const isActive = dataKeys.ofPurpose('sealing')[0]!.id !== before['sealing']![0]
  t.equal(Buffer.from(sealed).toString('hex', 1, 5), dataKeys.ofPurpose('sealing')[0]!.id)
  t.notOk(isActive && platform.clock.now() < dataKeys.all().at(-1)!.activeAt)
})

void t.test('the keys that can go: are destroyed once nothing is left', async (t) => {
  await eventually(
    'destroyed keys',
    async () => {
      const { sealing, signing, blind_index: index } = await keyIds(app)
      return [sealing, signing, index].every((ids) => ids?.length === 1)
    },
    PATIENCE_MS
  )
  await dataKeys.reload()
  const after = await keyIds(app)
  for (const purpose of ['sealing', 'signing', 'blind_index']) {
    t.not(after[purpose]![0], before[purpose]![0])
  }
  for (const { name, purpose, keyId } of planted) {
    t.equal(await keyId(), after[purpose]!.at(-1), name)
  }
  const gone = [before['sealing']![0]!, before['signing']![0]!]
  const dump = await dumpDatabase(app.databaseUrl)
  const sealedBy = dump.filter(({ forms: [value] }) =>
    gone.some((id) => value!.startsWith(`\\x01${id}`))
  )
  t.strictSame(sealedBy, [], 'a dump holds nothing that the old ones sealed')
  const moved = await app.sql(`SELECT id FROM users WHERE email_index <> email_index_next`)
  t.strictSame(moved, [], 'one key in both columns')
})

void t.test('what was begun before: goes on', async (t) => {
  t.equal((await login(app, session.user.email)).statusCode, 200, 'login')
  t.equal((await verify(app, { token: pending.token })).statusCode, 200, 'a registration’s link')
  t.equal((await login(app, pending.email)).statusCode, 200)
  const again = await app.post('/auth/register', {
    email: pending.email,
    password: session.user.password
  })
  t.equal(again.statusCode, 201)
  const owners = await app.sql('SELECT id FROM users WHERE id = $1', [again.json().user.id])
  t.equal(owners.length, 0, 'and the address is taken')
  const body = { email: wanted, code: confirmation.code }
  t.equal((await verify(app, body)).statusCode, 200, 'a typed code beside a new address')
  t.equal((await login(app, wanted)).statusCode, 200)
  const mail = await mailTo(app, session.user.email, /password/i)
  const { token } = secretsOf(mail)
  const reset = { token, new_password: 'violet-harbour-77-onyx' }
  t.equal(
    (await app.post('/auth/reset-password', reset)).statusCode,
    400,
    'not of the address left'
  )
  t.equal((await login(app, movedTo)).statusCode, 200, 'an address that was changed')
  const taken = await app.post('/auth/undo-email-change', { token: undo })
  t.equal(taken.statusCode, 200, 'and is taken back from the one before')
  t.equal((await login(app, movedTo)).statusCode, 401)
  t.equal((await refresh(app, session.refreshToken)).statusCode, 200, 'a refresh token')
})

void t.test('the audit trail: the chain goes over to the new key, and holds', async (t) => {
  await platform.clock.sync()
  while ((await sealNext()) !== null);
  const report = await checkChain()
  t.strictSame(report.faults, [])
  const used = await app.sql<{ id: string }>('SELECT DISTINCT key_id AS id FROM audit_seal')
  t.equal(used.length, 2, 'two keys')
  t.strictSame((await keyIds(app))['audit']!.length, 2, 'of which the old one stays')
  const events = await app.sql<{ type: string; count: number }>(
    `SELECT type, count(*)::int AS count FROM audit_event WHERE type LIKE 'data_key.%' GROUP BY 1 ORDER BY 1`
  )
  t.strictSame(events, [
    { type: 'data_key.destroyed', count: 3 },
    { type: 'data_key.rotated', count: ROTATING.length }
  ])
})

void t.test(
  'refresh tokens, codes and cookies: the old keys go when those have expired',
  async (t) => {
    const keeper = createKeeper({ ...operator.stands, lookEveryMs: 0 })
    await keeper.round()
    const left = await operator.countRowsLeft()
    t.ok(
      left.some(({ purpose }) => purpose === 'refresh_mac'),
      'sessions still need theirs'
    )
    t.equal((await keyIds(app))['refresh_mac']!.length, 2)
    await app.moveTime(100 * DAY_SECONDS)
    await platform.clock.sync()
    await eventually('expired keys', async () => {
      await keeper.round()
      const { refresh_mac: mac, typed_code: code, device } = await keyIds(app)
      return [mac, code, device].every((ids) => ids?.length === 1)
    })
    t.strictSame(
      (await operator.countRowsLeft())
        .map(({ purpose }) => purpose)
        .filter((one) => one !== 'audit'),
      [],
      'nothing is left but what the audit trail keeps'
    )
  }
)
