import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import { givenAdmin } from '../support/oauth.ts'

void t.test(
  'people by role, rare to the statistics or common: the same, page by page, the newest first',
  async (t) => {
    const app = await startApp(t)
    const admin = await givenAdmin(app)
    const holders: string[] = []
    for (let n = 0; n < 6; n += 1) {
      const { id } = await givenUser(app)
      if (n % 2 === 0) holders.unshift(id)
    }
    await app.sql(`UPDATE users SET roles = '{user,editor}' WHERE id = ANY ($1::uuid[])`, [holders])
    async function found(query: string): Promise<string[]> {
      const answer = await app.get(`/admin/users?${query}`, admin)
      return answer.json().users.map(({ id }: { id: string }) => id)
    }
    const isKnown = async () => {
      const [row] = await app.sql(
        `SELECT count(*)::int AS n FROM pg_stats WHERE tablename = 'users' AND attname = 'roles'
            AND 'editor' = ANY (most_common_elems::text::text[])`
      )
      return row!['n'] === 1
    }
    for (const known of [false, true]) {
      if (known) await app.sql('ANALYZE users')
      t.equal(await isKnown(), known)
      t.strictSame(await found('role=editor'), holders)
      t.strictSame(await found('role=editor&limit=2'), holders.slice(0, 2))
      t.strictSame(await found(`role=editor&cursor=${holders[1]!}`), holders.slice(2))
      t.strictSame(await found('role=editor&status=disabled'), [])
    }
  }
)
