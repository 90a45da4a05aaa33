import { randomBytes } from 'node:crypto'
import t from 'tap'
import { applyMigrations } from '../../src/platform/migrate.ts'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { openDatabase } from '../support/raw-database.ts'
import { filledIn, readCompose } from './compose-file.ts'

const variables = filledIn()
const { services, configs } = readCompose(variables)

/** The statements that the container runs when its data is made. */
const statements = configs['postgres']!.content.trim().split('\n')

void t.test(
  'the role of the compose file, on a Postgres: migrates, serves, is no superuser',
  async (t) => {
    const { url } = await createEmptyDatabase(t)
    const { sql } = await openDatabase(t, url)
    const database = new URL(url).pathname.slice(1)
    const role = `role_${randomBytes(6).toString('hex')}`
    t.teardown(async () => {
      await sql(`REASSIGN OWNED BY ${role} TO CURRENT_USER`)
      await sql(`DROP OWNED BY ${role}`)
      await sql(`DROP ROLE ${role}`)
    })
    // The roles of this Postgres are shared with other tests: another name, and its superuser is left alone.
    for (const statement of statements.filter((line) => !line.startsWith('ALTER ROLE postgres '))) {
      await sql(
        statement
          .replace('DATABASE latchkey', `DATABASE ${database}`)
          .replace(/(ROLE|TO) latchkey/, `$1 ${role}`)
      )
    }
    const [rights] = await sql(
      'SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = $1',
      [role]
    )
    t.strictSame(Object.values(rights ?? {}), [false, false, false, false, false])
    const password = variables['POSTGRES_PASSWORD']!
    const asOwner = Object.assign(new URL(url), { username: role, password }).href
    t.ok((await applyMigrations({ databaseUrl: asOwner })).applied.length > 0)
    const app = await startApp(t, { DATABASE_URL: asOwner })
    t.ok((await givenSession(app)).accessToken)
    await app.close()
  }
)

void t.test('the Postgres of the compose file, read: its server is not the superuser', (t) => {
  t.equal(services['postgres']?.environment?.['POSTGRES_USER'], undefined, 'that is postgres')
  t.match(
    services['server']?.environment?.['DATABASE_URL'],
    /^postgresql:\/\/latchkey:\w+@postgres/
  )
  t.equal(statements.at(-1), 'ALTER ROLE postgres PASSWORD NULL;')
  t.match(JSON.stringify(services['postgres']), /"\/docker-entrypoint-initdb\.d\/owner\.sql"/)
  t.end()
})
