import t from 'tap'
import { givenAdministrator } from '../support/administrator.ts'
import { startApp } from '../support/app.ts'
import { claimsOf, givenSession, givenUser, refresh } from '../support/builders.ts'

const app = await startApp(t)
const admin = await givenAdministrator(app)
const { call } = admin

void t.test(
  'an ordinary person, at every door of the administrator: 403, and nothing happens',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    const victim = await givenUser(app)
    const document = (await app.get('/openapi.json')).json()
    const doors = Object.entries<Record<string, unknown>>(document.paths)
      .filter(([path]) => path.startsWith('/admin'))
      .flatMap(([path, operations]) => Object.keys(operations).map((method) => ({ path, method })))
    t.ok(doors.length >= 9)
    for (const { path, method } of doors) {
      for (const id of [user.id, victim.id]) {
        const url = path.replace('{id}', id)
        const verb = method.toUpperCase() as 'GET' | 'POST'
        t.equal(
          (await call(verb, url, { token: accessToken, ...(verb !== 'GET' && { body: {} }) }))
            .statusCode,
          403,
          `${verb} ${path}`
        )
        t.equal((await app.app.inject({ method: verb, url })).statusCode, 401)
      }
    }
    const [row] = await app.sql('SELECT status, roles FROM users WHERE id = $1', [victim.id])
    t.strictSame(row, { status: 'active', roles: ['user'] })
  }
)

void t.test(
  'people, listed: by page, and found by e-mail, username, status and role',
  async (t) => {
    const person = await givenUser(app, { username: 'findable-person' })
    for (let i = 0; i < 4; i += 1) await givenUser(app)
    const { accessToken: later } = await givenSession(app)
    const seen: string[] = []
    let cursor = ''
    do {
      const page = (await call('GET', `/admin/users?limit=3${cursor}`)).json()
      seen.push(...page.users.map((user: { id: string }) => user.id))
      cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor as string}`
    } while (cursor !== '')
    const [total] = await app.sql('SELECT count(*)::int AS n FROM users')
    t.equal(new Set(seen).size, total!['n'])
    t.equal(seen.length, total!['n'])
    const found = async (query: string) =>
      (await call('GET', `/admin/users?${query}`))
        .json()
        .users.map((user: { id: string }) => user.id)
    t.strictSame(await found(`email=${encodeURIComponent(person.email.toUpperCase())}`), [
      person.id
    ])
    const byEmail = `email=${encodeURIComponent(person.email)}`
    for (const other of [
      'status=disabled',
      'role=admin',
      'username=another',
      `cursor=${person.id}`
    ]) {
      t.strictSame(await found(`${byEmail}&${other}`), [], `filters combine: ${other}`)
    }
    const all = `${byEmail}&status=active&role=user&username=findable&cursor=${claimsOf(later)['sub'] as string}`
    t.strictSame(await found(all), [person.id])
    const only = (await call('GET', `/admin/users?limit=1&${byEmail}`)).json()
    t.equal(only.next_cursor, null, 'an address has no second page')
    t.strictSame(await found('username=findable'), [person.id])
    t.strictSame(await found('username=findable&status=active&role=user'), [person.id])
    t.strictSame(await found('username=findable&status=disabled'), [])
    t.strictSame(await found('username=findable&role=admin'), [])
    t.strictSame(await found(`username=findable&cursor=${person.id}`), [], 'that was the last')
    t.strictSame(await found('username=findable_'), [], 'no character stands for others')
    t.strictSame(await found('role=admin'), [admin.id])
    t.strictSame(await found('status=disabled'), [])
  }
)

void t.test('new roles: show in the next token; unknown ones are refused', async (t) => {
  const { user, refreshToken } = await givenSession(app)
  t.equal(
    (await call('PUT', `/admin/users/${user.id}/roles`, { body: { roles: ['nobody-knows'] } }))
      .statusCode,
    422
  )
  await call('PUT', `/admin/users/${user.id}/roles`, { body: { roles: ['user', 'admin'] } })
  const next = (await refresh(app, refreshToken)).json().access_token as string
  t.match(claimsOf(next), { roles: ['admin', 'user'], scope: 'account admin' })
  t.equal((await call('GET', '/admin/users', { token: next })).statusCode, 200)
  await call('PUT', `/admin/users/${user.id}/roles`, { body: { roles: ['user'] } })
  t.equal(
    (await call('GET', '/admin/users', { token: next })).statusCode,
    403,
    'rights are read from Postgres'
  )
})

void t.test('an administrator, against themselves: refused', async (t) => {
  t.equal((await call('POST', `/admin/users/${admin.id}/disable`)).json().code, 'not_yourself')
  t.equal((await call('DELETE', `/admin/users/${admin.id}`)).json().code, 'not_yourself')
  t.equal(
    (await call('PUT', `/admin/users/${admin.id}/roles`, { body: { roles: ['user'] } })).statusCode,
    409
  )
})

void t.test('one person, looked at and erased: sessions and events, then nothing', async (t) => {
  const { user, sessionId } = await givenSession(app)
  const shown = (await call('GET', `/admin/users/${user.id}`)).json()
  t.equal(shown.user.email, user.email)
  t.strictSame(
    shown.sessions.map((session: { id: string }) => session.id),
    [sessionId]
  )
  t.ok(shown.events.some((event: { type: string }) => event.type === 'login.succeeded'))
  t.equal((await call('DELETE', `/admin/users/${user.id}`)).statusCode, 200)
  t.equal((await call('GET', `/admin/users/${user.id}`)).statusCode, 404)
})
