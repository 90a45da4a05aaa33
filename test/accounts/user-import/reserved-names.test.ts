import t from 'tap'
import { createUserByOperator } from '../../../src/accounts/create-user-store.ts'
import { createAudit } from '../../../src/audit/record.ts'
import { parseEmailAddress } from '../../../src/lib/email-address.ts'
import { startApp } from '../../support/app.ts'
import { freshEmail, givenSession, givenUser } from '../../support/builders.ts'
import { openKeyRoom } from '../../support/key-room.ts'
import { givenRegistration } from '../../support/registrations.ts'
import { givenImporter } from '../../support/user-imports.ts'

const app = await startApp(t)
const run = await givenImporter(t, app)
const { platform } = await openKeyRoom(t, app)
const create = createUserByOperator({ ...platform, record: createAudit(platform) })

const byOperator = (email: string, username: string) =>
  create({ email: parseEmailAddress(email)!, username, passwordHash: null, roles: ['user'] })

/** Somebody registers with the name, proves the address, and erases the account: the name stays reserved. */
async function givenErased(username: string): Promise<string> {
  const { user, accessToken } = await givenSession(app, await givenUser(app, { username }))
  const erased = await app.app.inject({
    method: 'DELETE',
    url: '/users/delete-account',
    headers: { authorization: `Bearer ${accessToken}` },
    body: { password: user.password }
  })
  if (erased.statusCode !== 200) throw new Error(erased.body)
  return user.email
}

async function holderOf(username: string) {
  const [row] = await app.sql<{ isForGood: boolean; ownerName: string | null }>(
    `SELECT n.expires_at IS NULL AS "isForGood", u.username AS "ownerName"
       FROM username n LEFT JOIN users u ON u.id = n.holder_id WHERE n.username = $1`,
    [username]
  )
  return row
}

const FOR_GOOD = (username: string) => ({ isForGood: true, ownerName: username })

void t.test(
  'a name whose reservation outlived its account: is for the address that it was reserved for',
  async (t) => {
    const email = await givenErased('came-back')
    const refused = await run([{ email: freshEmail(), username: 'came-back' }])
    t.strictSame(refused.reasons, ['line 1: username: is taken'])
    const lines = [{ email, username: 'came-back' }]
    t.match(await run(lines, { dryRun: true }), { added: 1, bad: 0 })
    t.match(await run(lines), { added: 1, bad: 0 })
    t.strictSame(await holderOf('came-back'), FOR_GOOD('came-back'))
  }
)

void t.test('the same, by `users -- create`: the same rule', async (t) => {
  const email = await givenErased('came-by-hand')
  t.equal(await byOperator(freshEmail(), 'came-by-hand'), 'username_taken')
  t.ok(await byOperator(email, 'came-by-hand'))
  t.strictSame(await holderOf('came-by-hand'), FOR_GOOD('came-by-hand'))
})

void t.test('a name that somebody has, reserved for another address: stays theirs', async (t) => {
  const owner = await givenUser(app, { username: 'kept-name' })
  const lines = [{ email: freshEmail(), username: 'kept-name' }]
  t.match(await run(lines), { added: 0, bad: 1 })
  // Whoever the address was when it was reserved: a name that somebody has is nobody else's.
  await app.sql(`UPDATE users SET email_index = sha256(email_index) WHERE id = $1`, [owner.id])
  t.match(await run([{ email: owner.email, username: 'kept-name' }]), { added: 0, bad: 1 })
})

void t.test('a reservation of a version before, without a tag: by its registration', async (t) => {
  const { email } = await givenRegistration(app, { username: 'older-name' })
  await app.sql(
    `UPDATE username SET address_tag = NULL, reserved_until = NULL WHERE username = 'older-name'`
  )
  t.match(await run([{ email: freshEmail(), username: 'older-name' }]), { added: 0, bad: 1 })
  t.match(await run([{ email, username: 'older-name' }]), { added: 1, bad: 0 })
  t.strictSame(await holderOf('older-name'), FOR_GOOD('older-name'))
})

void t.test('a name whose reservation expired: is free for an operator too', async (t) => {
  await givenRegistration(app, { username: 'run-out' })
  await app.sql(
    `UPDATE username SET expires_at = latchkey_now(), reserved_until = latchkey_now() WHERE username = 'run-out'`
  )
  t.ok(await byOperator(freshEmail(), 'run-out'))
  t.strictSame(await holderOf('run-out'), FOR_GOOD('run-out'))
})
