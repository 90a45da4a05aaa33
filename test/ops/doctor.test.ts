import t from 'tap'
import { examine } from '../../src/ops/doctor/examine.ts'
import { startApp } from '../support/app.ts'
import { openTrail } from '../support/audit-trail.ts'
import { runDoctor } from '../support/doctor.ts'

const app = await startApp(t)

void t.test('settings that are wrong: all named at once, no value, and 1', (t) => {
  const { status, stdout } = runDoctor({ NODE_ENV: 'production', PORT: 'c4nary', HOST: '0.0.0.0' })
  t.equal(status, 1)
  for (const name of ['PORT', 'DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'KEY_ENCRYPTION_KEY']) {
    t.match(stdout, new RegExp(`^error {2}settings {2}${name} `, 'm'))
  }
  t.notMatch(stdout, 'c4nary')
  t.end()
})

void t.test('arguments that make no sense: a sentence and 1', (t) => {
  t.match(runDoctor(app.env, '--since', 'yesterday'), {
    status: 1,
    stderr: /^--since takes a date/
  })
  t.match(runDoctor(app.env, '--head', 'abc'), { status: 1, stderr: /^--head takes the 64/ })
  t.match(runDoctor(app.env, '--nonsense'), { status: 1, stderr: /--nonsense/ })
  t.end()
})

void t.test('a healthy installation, then a head that the chain lacks: 0, then 1', async (t) => {
  const healthy = await examine(app.env)
  // The tests' own Postgres gives up crash safety, and says so.
  const bad = healthy.filter(({ level }) => level === 'error' || level === 'warn')
  t.strictSame([...new Set(bad.map(({ check }) => check))], ['durability'])
  t.match(bad[0]?.says, /^fsync is off/)
  const checks = [
    'settings',
    'postgres',
    'durability',
    'connections',
    'migrations',
    'clock',
    'keys'
  ]
  const holdings = ['signing keys', 'audit trail', 'audit months', 'outbox', 'webhooks', 'purge']
  const more = [...holdings, 'passwords', 'redis', 'smtp', 'seeing', 'password hash']
  t.strictSame([...new Set(healthy.map(({ check }) => check))], [...checks, ...more])
  t.ok(healthy.every(({ level, todo }) => (level === 'ok') === (todo === undefined)))

  const trail = await openTrail(t, app.env)
  await trail.write({})
  while ((await trail.sealNext()) !== null);
  const { head } = await trail.check()
  const known = await examine(app.env, { head: Buffer.from(head!, 'hex') })
  t.match(
    known.find(({ check }) => check === 'audit trail'),
    { level: 'ok', says: head! }
  )
  const lost = await examine(app.env, { head: Buffer.alloc(32, 7) })
  t.match(
    lost.find(({ check }) => check === 'audit trail'),
    { level: 'error' }
  )
})
