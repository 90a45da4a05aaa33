import { givenSession, givenUser } from '../../support/builders.ts'
import { givenAdmin, type World } from './world.ts'

const ACTS = ['disable', 'enable', 'unlock', 'force-password-reset', 'end-sessions'] as const

/** What an administrator does, and the same by somebody who is none, to oneself and to nobody. */
export async function callAdmin({ app, call }: World): Promise<void> {
  const admin = await givenAdmin(app)
  const { accessToken: token } = admin
  const own = admin.user.id
  const plain = (await givenSession(app)).accessToken
  const { id } = await givenUser(app)
  await call('GET /admin/users', { token })
  await call('GET /admin/users', { token: plain })
  await call('GET /admin/audit-logs', { token })
  await call('GET /admin/audit-logs', { token, query: 'format=csv' })
  await call('GET /admin/audit-logs', { token: plain })
  const onSomebody = [
    { name: 'GET /admin/users/{id}' },
    ...ACTS.map((act) => ({ name: `POST /admin/users/{id}/${act}` })),
    { name: 'PUT /admin/users/{id}/roles', body: { roles: ['user'] } },
    { name: 'DELETE /admin/users/{id}' }
  ]
  for (const { name, ...body } of onSomebody) {
    await call(name, { token, id, ...body })
    await call(name, { token, ...body })
    await call(name, { token: plain, id, ...body })
  }
  // To oneself last: some of it ends the very session.
  for (const name of ['PUT /admin/users/{id}/roles', 'DELETE /admin/users/{id}']) {
    const isPut = name.startsWith('PUT')
    await call(name, { token, id: own, ...(isPut && { body: { roles: ['user'] } }) })
  }
  await call('POST /admin/users/{id}/disable', { token, id: own })
}
