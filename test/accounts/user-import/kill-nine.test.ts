import t from 'tap'
import { startApp, type TestApp } from '../../support/app.ts'
import { givenRegistrations, usersWith } from '../../support/registrations.ts'
import { eventually } from '../../support/eventually.ts'
import { givenImporter, givenImportFile, startImport } from '../../support/user-imports.ts'

const PEOPLE = 3_000
const BAD = [700, 1_400, 2_999]

/** Somebody new on every line, some lines bad. */
function lines(prefix: string) {
  return Array.from({ length: PEOPLE }, (_, index) => ({
    email: `${prefix}-${index}@example.com`,
    email_verified: index % 2 === 0,
    username: `${prefix}-${index}`,
    name: `Person ${index}`,
    ...(index % 3 === 0 && { phone_number: `+49301${String(index).padStart(6, '0')}` }),
    roles: [BAD.includes(index) ? 'no-such-role' : 'user'],
    password_hash: `pbkdf2:sha1:1000$salt-${index}$${'ab'.repeat(20)}`
  }))
}

/** Everything that an import leaves, apart from ids, times and what is sealed. */
async function stateOf({ sql }: TestApp) {
  const users = await sql(
    `SELECT users.username, name, email_verified_at IS NOT NULL AS verified, phone_index IS NOT NULL AS phone,
            roles, password_hash, username.expires_at, count(audit_event.id)::int AS events
       FROM users JOIN username ON holder_id = users.id AND username.username = users.username
       LEFT JOIN audit_event ON audit_event.user_id = users.id AND type = 'account.imported'
      GROUP BY users.id, username.username ORDER BY users.username`
  )
  const [counts] = await sql(
    `SELECT (SELECT count(*) FROM users)::int AS users, (SELECT count(*) FROM username)::int AS usernames,
            (SELECT count(*) FROM audit_event)::int AS events`
  )
  return { users, counts }
}

void t.test('an import, killed in the middle and run again: as one run leaves it', async (t) => {
  const [killed, whole] = [await startApp(t), await startApp(t)]
  const file = await givenImportFile(t, lines('person'))
  const first = startImport(killed, file)
  await eventually('the first batch', async () => {
    const [row] = await killed.sql<{ count: number }>('SELECT count(*)::int AS count FROM users')
    return row!.count > 0
  })
  first.child.kill('SIGKILL')
  t.equal((await first.ended).code, null, 'it did not end by itself')
  const [half] = await killed.sql<{ users: number; events: number }>(
    `SELECT (SELECT count(*) FROM users)::int AS users, (SELECT count(*) FROM audit_event)::int AS events`
  )
  t.ok(half!.users < PEOPLE - BAD.length, `${half!.users} were there`)
  t.equal(half!.events, half!.users, 'each with its event')
  const again = await startImport(killed, file).ended
  const rest = PEOPLE - BAD.length - half!.users
  t.equal(again.code, 1)
  t.match(again.output, `${PEOPLE} lines, ${rest} new, ${half!.users} already there, 3 bad.`)
  const { added } = await (await givenImporter(t, whole))(lines('person'))
  t.equal(added, PEOPLE - BAD.length)
  t.strictSame(await stateOf(killed), await stateOf(whole))
})

void t.test('one file, five imports at once: everybody is made once', async (t) => {
  const app = await startApp(t)
  const importers = await Promise.all(Array.from({ length: 5 }, () => givenImporter(t, app)))
  // Without usernames, so that nothing but the address decides.
  const some = lines('crowd')
    .slice(0, 600)
    .map(({ username: _, ...line }) => line)
  const counts = await Promise.all(importers.map((run) => run(some)))
  t.equal(
    counts.reduce((sum, { added }) => sum + added, 0),
    600
  )
  t.ok(counts.every(({ added, there, bad }) => added + there === 600 && bad === 0))
  t.match((await stateOf(app)).counts, { users: 600, usernames: 0, events: 600 })
})

void t.test(
  'registrations verified while their addresses are imported: one owner each',
  async (t) => {
    const app = await startApp(t)
    const run = await givenImporter(t, app)
    const some = lines('race').slice(0, 20)
    const forms = some.map(({ email, username }) => ({ email, username }))
    const registrations = await givenRegistrations(app, forms)
    const verifying = registrations.map(async ({ token }) =>
      app.post('/auth/verify-email', { token })
    )
    const [{ added, there, bad }, ...answers] = await Promise.all([run(some), ...verifying])
    const verified = answers.filter(({ statusCode }) => statusCode === 200).length
    t.match({ added: added + verified, there, bad }, { added: 20, there: verified, bad: 0 })
    const ids = registrations.map(({ id }) => id)
    t.equal((await usersWith(app, ...ids)).length, verified)
    t.match((await stateOf(app)).counts, { users: 20, usernames: 20 })
  }
)
