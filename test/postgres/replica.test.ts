import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { startStreaming } from '../support/faults/streaming.ts'
import { givenAdmin } from '../support/oauth.ts'
import { openDatabase } from '../support/raw-database.ts'
import { timed } from '../support/timed.ts'

void t.test('a read replica', async (t) => {
  const { primary, standby } = await startStreaming(t)
  const given = async (t: Test, replicaUrl = standby.url) => {
    const app = await startApp(t, {
      DATABASE_URL: primary.url,
      DATABASE_REPLICA_URL: replicaUrl,
      ...KEY
    })
    const admin = await givenAdmin(app)
    /** How many reads each server has answered. */
    const answered = async () => {
      const text = (await app.get('/metrics')).body
      const of = (server: string) =>
        Number(new RegExp(`replica_reads_total{server="${server}"} (\\d+)`).exec(text)?.[1] ?? 0)
      return { primary: of('primary'), replica: of('replica') }
    }
    const usernames = async () => {
      const answer = await app.get('/admin/users?limit=100', admin)
      return (answer.json().users as { email: string }[]).map(({ email }) => email)
    }
    return { app, admin, answered, usernames }
  }
  type Given = Awaited<ReturnType<typeof given>>

  /** Whatever was just done is seen, and the server of the name has said it. */
  async function seesOwnActs(t: Test, { app, admin, usernames, answered }: Given, server: Server) {
    const before = await answered()
    for (let round = 0; round < 2; round += 1) {
      const { email, id } = await givenUser(app)
      t.ok((await usernames()).includes(email), 'the person who has just come')
      const csv = await app.get(`/admin/audit-logs?format=csv&user_id=${id}`, admin)
      t.match(csv.body, 'account.verified')
      const json = (await app.get(`/admin/audit-logs?user_id=${id}`, admin)).json()
      t.ok(json.events.length >= 1)
      t.equal((await app.get(`/admin/users/${id}`, admin)).statusCode, 200)
    }
    const after = await answered()
    const other = server === 'replica' ? 'primary' : 'replica'
    t.ok(after[server] - before[server] >= 6, `${server} has answered`)
    return after[other] - before[other]
  }

  await t.test('streams: it answers, and shows what was just done', async (t) => {
    const strays = await seesOwnActs(t, await given(t), 'replica')
    t.ok(strays < 6, `${strays} reads went to the primary`)
  })

  await t.test('paused: the primary answers; resumed: it answers again', async (t) => {
    const world = await given(t)
    const here = await openDatabase(t, standby.url)
    await here.sql('SELECT pg_wal_replay_pause()')
    t.equal(await seesOwnActs(t, world, 'primary'), 0, 'and nobody was shown the past')
    await here.sql('SELECT pg_wal_replay_resume()')
    await eventually(
      'the replica answers',
      async () => {
        const before = await world.answered()
        await world.usernames()
        return (await world.answered()).replica > before.replica
      },
      60_000
    )
  })

  await t.test('a server that is no standby of this primary: is not asked', async (t) => {
    t.equal(await seesOwnActs(t, await given(t, primary.url), 'primary'), 0)
  })

  await t.test('frozen, then killed: the primary answers', async (t) => {
    const world = await given(t)
    await world.usernames()
    await standby.freeze()
    const { tookMs } = await timed(() => world.usernames())
    // Half a second is what it waits; the rest is for a busy machine.
    t.ok(tookMs < 950, `an administrator waits for ${Math.round(tookMs)} ms`)
    t.equal(await seesOwnActs(t, world, 'primary'), 0)
    await standby.kill()
    await world.app.close() // it would send the mails that the next one waits for
    const again = await given(t)
    t.equal(await seesOwnActs(t, again, 'primary'), 0)
    t.equal((await again.app.get('/readyz')).statusCode, 200)
  })
})

type Server = 'primary' | 'replica'
const KEY = { KEY_ENCRYPTION_KEY: 'ab'.repeat(32) }
