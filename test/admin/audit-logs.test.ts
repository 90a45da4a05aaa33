import t from 'tap'
import { givenAdministrator } from '../support/administrator.ts'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'

const app = await startApp(t)
const { call } = await givenAdministrator(app)

void t.test('the audit trail: filtered, by page, and as CSV', async (t) => {
  await givenSession(app)
  const { user } = await givenSession(app)
  const { events } = (await call('GET', `/admin/audit-logs?user_id=${user.id}`)).json()
  t.strictSame(
    events.map((event: { type: string }) => event.type),
    ['login.succeeded', 'account.verified', 'account.registered']
  )
  t.equal(events[0].address, '127.0.0.1')
  const page = (await call('GET', '/admin/audit-logs?limit=2&type=login.succeeded')).json()
  t.equal(page.events.length, 2)
  const rest = (
    await call(
      'GET',
      `/admin/audit-logs?limit=2&type=login.succeeded&cursor=${page.next_cursor as string}`
    )
  ).json()
  t.ok(rest.events[0].id < page.events[1].id)
  const csv = await call('GET', `/admin/audit-logs?format=csv&user_id=${user.id}`)
  t.match(csv.headers['content-type'], 'text/csv')
  t.equal(csv.body.trim().split('\r\n').length, 4)
})
