import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, refresh } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'

const ROTATIONS = 200

void t.test('a session, rotated again and again: takes the bytes of a new one', async (t) => {
  const app = await startApp(t)
  let { refreshToken } = await givenSession(app)
  const before = await bytes()
  for (let n = 0; n < ROTATIONS; n += 1) {
    refreshToken = (await refresh(app, refreshToken)).json().refresh_token
  }
  t.strictSame(await bytes(), before, 'the table and each of its indexes')
  const { updates, hot } = await eventually('the statistics', async () => {
    const [row] = await app.sql<{ updates: number; hot: number }>(
      `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'session'`
    )
    return row!.updates >= ROTATIONS && row
  })
  t.equal(hot, updates, 'no rotation touched an index')

  async function bytes() {
    return app.sql(`
      SELECT oid::regclass::text AS name, pg_relation_size(oid)::int AS bytes FROM pg_class
       WHERE oid = 'session'::regclass
          OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'session'::regclass) ORDER BY 1`)
  }
})
