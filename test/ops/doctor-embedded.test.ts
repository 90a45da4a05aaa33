import t from 'tap'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { applyMigrations } from '../../src/platform/migrate.ts'
import { openTrail } from '../support/audit-trail.ts'
import { runDoctor } from '../support/doctor.ts'

void t.test('npm run doctor, beside a development server: all is well, and 0', async (t) => {
  const folder = t.testdir({ keys: {}, data: {} })
  const env = { DATA_DIR: `${folder}/data`, KEYS_DIR: `${folder}/keys` }
  const doctor = (...args: string[]) => runDoctor(env, ...args)
  const empty = doctor()
  t.match(empty, { status: 0, stdout: /DATA_DIR holds no database yet/ })

  const embedded = await startEmbeddedPostgres({ dataDir: env.DATA_DIR })
  t.teardown(() => embedded.release())
  await applyMigrations({ databaseUrl: embedded.url })
  const trail = await openTrail(t, { ...env, DATABASE_URL: embedded.url })
  await trail.write({}, {})
  while ((await trail.sealNext()) !== null);

  const well = doctor()
  t.equal(well.status, 0, well.stdout + well.stderr)
  t.match(
    well.stdout,
    /^ok +audit trail +Whole: 2 events in 1 seal, 0 waiting; head [0-9a-f]{64}\.$/m
  )
  t.match(well.stdout, 'All is well.')
  const json = JSON.parse(doctor('--json').stdout)
  t.match(json, { level: 'note', findings: [{ check: 'settings', level: 'ok' }] })

  await trail.sql('DELETE FROM audit_event')
  const robbed = doctor('--json')
  t.match(robbed, { status: 1 })
  t.match(JSON.parse(robbed.stdout), { level: 'error' })
})
