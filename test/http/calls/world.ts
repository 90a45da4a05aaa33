import type { TestApp } from '../../support/app.ts'
import { givenSession, givenUser } from '../../support/builders.ts'
import type { CallLog } from '../../support/call-log.ts'
import type { Operation } from '../../support/operations.ts'

/** What the calls of a room need: a server, a recorder, people. */
export type World = {
  app: TestApp
  call: CallLog['call']
  operations: Operation[]
  /** The same house with METRICS_TOKEN set, and one call of a kind an hour or minute per address. */
  strict: TestApp
  /** The same house with a CAPTCHA that is always asked for. */
  suspicious: TestApp
  /** The same house, which Postgres has just left. */
  cutOff: Pick<TestApp, 'app'>
}

/** Somebody with the role `admin`, logged in. */
export async function givenAdmin(app: TestApp) {
  const session = await givenSession(app, await givenUser(app))
  await app.sql(`UPDATE users SET roles = '{admin,user}' WHERE id = $1`, [session.user.id])
  return session
}
