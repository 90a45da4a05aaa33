import { randomUUID } from 'node:crypto'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { bearer } from '../support/server-sessions.ts'
import {
  givenSession,
  givenUser,
  mailTo,
  PASSWORD,
  secretsOf,
  type TestUser
} from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { atOnce } from '../support/registrations.ts'
import { eventsOf, liveOnes, sessionRow } from '../support/session-rows.ts'

const app = await startApp(t)

/** A grant that an application was given out of the login `parentId`. */
async function givenChild(parentId: string, scope: string): Promise<string> {
  const id = randomUUID()
  await app.sql(
    `INSERT INTO session (id, user_id, parent_id, client_id, secret_hash, rotated_at, last_used_at,
                          created_at, expires_at, idle_expires_at, scope, auth_time, amr)
     SELECT $1::uuid, user_id, id, 'some-app', sha256($1::uuid::text::bytea), rotated_at, last_used_at,
            created_at, expires_at, idle_expires_at, $3::text, auth_time, amr
       FROM session WHERE id = $2::uuid`,
    [id, parentId, scope]
  )
  return id
}

/** A login with three grants: one dies with it, one lives on, one only looks as if it might. */
async function givenFamily(user?: TestUser) {
  const session = await givenSession(app, user)
  return {
    ...session,
    bound: await givenChild(session.sessionId, 'openid profile'),
    offline: await givenChild(session.sessionId, 'openid offline_access'),
    lookalike: await givenChild(session.sessionId, 'openid offline_access_x not_offline_access')
  }
}

type Family = Awaited<ReturnType<typeof givenFamily>>
const idsOf = ({ sessionId, bound, offline, lookalike }: Family) => [
  sessionId,
  bound,
  offline,
  lookalike
]

async function givenAdmin(): Promise<string> {
  const user = await givenUser(app)
  await app.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [user.id])
  return (await givenSession(app, user)).accessToken
}

void t.test('a logout: ends the grants of that login, but for the offline ones', async (t) => {
  const user = await givenUser(app)
  const family = await givenFamily(user)
  const other = await givenFamily(user)
  await app.post('/auth/logout', {}, bearer(family.accessToken))
  t.strictSame(await liveOnes(app, idsOf(family)), [family.offline])
  t.strictSame(await liveOnes(app, idsOf(other)), idsOf(other), 'another login is not touched')
  t.match(await sessionRow(app, family.bound), { revoke_reason: 'logout' })
  const [event] = await eventsOf(app, family.bound)
  t.match(event, { type: 'session.ended', client_id: 'some-app', details: { reason: 'logout' } })
})

void t.test('a session ended from the list: its grants too', async (t) => {
  const family = await givenFamily()
  const { accessToken } = await givenSession(app, family.user)
  const url = `/users/sessions/${family.sessionId}`
  const headers = bearer(accessToken)
  t.equal((await app.app.inject({ method: 'DELETE', url, headers })).statusCode, 200)
  t.strictSame(await liveOnes(app, idsOf(family)), [family.offline])
})

void t.test("somebody else's session, asked to end: 404, and its grants live", async (t) => {
  const family = await givenFamily()
  const { accessToken } = await givenSession(app)
  const url = `/users/sessions/${family.sessionId}`
  const headers = bearer(accessToken)
  t.equal((await app.app.inject({ method: 'DELETE', url, headers })).statusCode, 404)
  t.strictSame(await liveOnes(app, idsOf(family)), idsOf(family))
})

const ALL_END: Record<string, (family: Family) => Promise<unknown>> = {
  'logout of all': ({ accessToken }) =>
    app.post('/auth/logout', { scope: 'all' }, bearer(accessToken)),
  'an administrator ends them': async ({ user }) =>
    app.post(`/admin/users/${user.id}/end-sessions`, undefined, bearer(await givenAdmin())),
  'an administrator disables the person': async ({ user }) =>
    app.post(`/admin/users/${user.id}/disable`, undefined, bearer(await givenAdmin())),
  'a reset by mail': async ({ user: { email } }) => {
    await app.post('/auth/forgot-password', { email })
    const { token } = secretsOf(await mailTo(app, email, /Reset/))
    return app.post('/auth/reset-password', { token, new_password: 'granite-otter-77-meadow' })
  }
}

for (const [what, end] of Object.entries(ALL_END)) {
  void t.test(`${what}: every grant ends, the offline ones too`, async (t) => {
    const family = await givenFamily()
    await end(family)
    t.strictSame(await liveOnes(app, idsOf(family)), [])
  })
}

void t.test('the person is erased: nothing of them is left', async (t) => {
  const family = await givenFamily()
  const answer = await app.app.inject({
    method: 'DELETE',
    url: '/users/delete-account',
    headers: bearer(family.accessToken),
    body: { password: PASSWORD }
  })
  t.equal(answer.statusCode, 200)
  const rows = await app.sql('SELECT id FROM session WHERE user_id = $1', [family.user.id])
  t.strictSame(rows, [])
})

void t.test('fifty who end one login at once: each row ends once', async (t) => {
  const family = await givenFamily()
  await atOnce(50, () => app.post('/auth/logout', {}, bearer(family.accessToken)))
  t.strictSame(await liveOnes(app, idsOf(family)), [family.offline])
  for (const id of [family.sessionId, family.bound]) {
    const ended = (await eventsOf(app, id)).filter(({ type }) => type === 'session.ended')
    t.equal(ended.length, 1)
  }
})

void t.test('a grant that ended with its login: announced to the other servers', async (t) => {
  const redisLess = await startApp(t, { ...app.env, DATABASE_URL: app.databaseUrl })
  const family = await givenFamily()
  const asGrant = await givenSession(app, family.user)
  await app.sql('UPDATE session SET parent_id = $1 WHERE id = $2', [
    family.sessionId,
    asGrant.sessionId
  ])
  t.equal((await redisLess.get('/verify-token', asGrant.accessToken)).statusCode, 200)
  await app.post('/auth/logout', {}, bearer(family.accessToken))
  t.equal((await app.get('/verify-token', asGrant.accessToken)).statusCode, 401, 'at once here')
  await eventually('refusal there', async () => {
    return (await redisLess.get('/verify-token', asGrant.accessToken)).statusCode === 401
  })
})
