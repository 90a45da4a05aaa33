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
  t.strictSame(await bytes(), before, 'its row and each of the indexes')
  const { updates, hot } = await eventually('the statistics', async () => {
    const [row] = await app.sql<{ updates: number; hot: number }>(
      `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'session'`
    )
    return row!.updates >= ROTATIONS && row
  })
  // While somebody reads, old versions stay: a full page, one in twenty, is left for the next.
  t.ok(hot >= updates * 0.9, `${hot} of ${updates} rotations touched no index`)

  async function bytes() {
    return app.sql(`
      SELECT 'row' AS name, pg_column_size(session.*)::int AS bytes FROM session
      UNION ALL
      SELECT indexrelid::regclass::text, pg_relation_size(indexrelid)::int FROM pg_index
       WHERE indrelid = 'session'::regclass ORDER BY 1`)
  }
})
