import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { auditTable } from '../../scripts/audit-table.ts'
import { settingsTable } from '../../scripts/settings-table.ts'
import { documentedRows, expectedRows } from '../../scripts/support/markdown-table.ts'
import { startApp } from '../support/app.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const readme = await readFile(join(ROOT, 'README.md'), 'utf8')

void t.test('the table of settings, in the README: is what src/settings.ts says', async (t) => {
  const written = await documentedRows(settingsTable)
  t.equal(written, expectedRows(settingsTable), 'npm run settings-table writes it anew')
})

void t.test(
  'the table of events, in docs/audit.md: is what src/audit/events.ts says',
  async (t) => {
    const written = await documentedRows(auditTable)
    t.equal(written, expectedRows(auditTable), 'npm run audit-table writes it anew')
  }
)

void t.test('every route that the README names: exists', async (t) => {
  const { app } = await startApp(t)
  const rows = readme.split('\n').filter((line) => /^\| `(GET|POST)/.test(line))
  const named = rows.flatMap((line) => {
    const cell = line.split('|')[1] ?? ''
    const method = /`(GET|POST)/.exec(cell)?.[1] ?? ''
    return [...cell.matchAll(/`(?:GET |POST )?(\/[\w./-]+)/g)].map(([, url = '']) => ({
      method,
      url
    }))
  })
  t.ok(named.length > 14, 'the table was found')
  for (const { method, url } of named) {
    t.ok(app.hasRoute({ method: method, url }) || url === '/docs', `${method} ${url}`)
  }
})

void t.test('every npm script that the documents name: exists', async (t) => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  const names = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'docs/operations.md',
    'docs/migrate-users.md',
    'docs/audit.md'
  ].map(async (file) => [
    ...(await readFile(join(ROOT, file), 'utf8')).matchAll(/npm run ([\w:-]+)/g)
  ])
  const found = (await Promise.all(names)).flat().map(([, name = '']) => name)
  t.ok(found.length > 5)
  for (const name of new Set(found)) t.ok(name in scripts, `npm run ${name}`)
})
