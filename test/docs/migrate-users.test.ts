import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ImportLine } from '../../src/accounts/import-line.ts'
import { BOUNDS } from '../../src/accounts/foreign-hashes/scheme.ts'
import { SCHEMES } from '../../src/accounts/foreign-hashes/schemes.ts'
import { startApp } from '../support/app.ts'
import { login } from '../support/registrations.ts'
import { givenImporter } from '../support/user-imports.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const page = await readFile(join(ROOT, 'docs/migrate-users.md'), 'utf8')
/** Of both hashes in the example. */
const PASSWORD = 'Tr0mbone-velvet'

const app = await startApp(t)
const run = await givenImporter(t, app)

/** The first code block of a language below a heading. */
function block(heading: string, language: string): string {
  const below = page.slice(page.indexOf(`\n## ${heading}`))
  return new RegExp('```' + language + '\n(.*?)```', 's').exec(below)?.[1] ?? ''
}

void t.test(
  'the example lines, imported: whoever has a proven address and a hash logs in',
  async (t) => {
    const lines = block('The file', 'json').trim().split('\n')
    t.match(await run(lines), { added: 3, bad: 0 })
    t.equal((await login(app, 'ada@example.com', PASSWORD)).statusCode, 200)
    t.equal((await login(app, 'grace@example.com', PASSWORD)).statusCode, 401, 'unproven')
    t.equal((await login(app, 'alan@example.com', PASSWORD)).statusCode, 401, 'without a hash')
    const named = new Set(lines.flatMap((line) => Object.keys(JSON.parse(line))))
    t.strictSame(
      [...named].sort(),
      Object.keys(ImportLine.properties).sort(),
      'every field is shown'
    )
  }
)

void t.test('the table of schemes and the one of bounds: are what the code does', (t) => {
  const forms = [...page.matchAll(/^\| [^|]+ \| (`.*) \|$/gm)].map(([, forms = '']) => forms)
  for (const { name, prefix } of SCHEMES) {
    const isShown = forms.some((form) => prefix.test(form.replace(/^`/, '')))
    t.ok(isShown, name)
  }
  t.equal(forms.length, SCHEMES.length)
  for (const number of [
    `cost ${BOUNDS.bcryptCost.max}`,
    `${BOUNDS.pbkdf2Iterations.toLocaleString('en')} iterations`,
    `${BOUNDS.memoryKib / 1_024} MiB`,
    `m = ${BOUNDS.memoryKib}`,
    `N · r · p = ${BOUNDS.scryptBlocks.toLocaleString('en')}`,
    `m · t = ${BOUNDS.argon2Kib.toLocaleString('en')}`,
    `${BOUNDS.lanes} lanes`
  ]) {
    t.match(page, number)
  }
  t.end()
})

const hasPython = spawnSync('python3', ['--version']).status === 0

void t.test(
  'the script for Firebase, on an export: gives lines that log in',
  { skip: !hasPython },
  async (t) => {
    const fixtures = await readFile(
      join(ROOT, 'test/accounts/foreign-hashes/fixtures.json'),
      'utf8'
    )
    const { hash, password } = (
      JSON.parse(fixtures) as { name: string; hash: string; password: string }[]
    ).find(({ name }) => name === 'scrypt, Firebase')!
    const [, , parameters, salt, passwordHash] = hash.split('$')
    const folder = t.testdir({})
    const users = [
      { email: 'firebase@example.com', emailVerified: true, salt, passwordHash },
      { email: 'disabled@example.com', disabled: true },
      { phoneNumber: '+4930123456' },
      { email: 'google@example.com', emailVerified: true }
    ]
    await writeFile(join(folder, 'users.json'), JSON.stringify({ users }))
    const script = block('From Firebase', 'python').replace(
      /^PARAMETERS = .*$/m,
      `PARAMETERS = "${parameters}"`
    )
    const { status, stderr } = spawnSync('python3', ['-c', script], {
      cwd: folder,
      encoding: 'utf8'
    })
    t.equal(status, 0, stderr)
    const lines = (await readFile(join(folder, 'people.jsonl'), 'utf8')).trim().split('\n')
    t.match(await run(lines), { added: 2, bad: 0 })
    t.equal((await login(app, 'firebase@example.com', password)).statusCode, 200)
  }
)
