import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { startApp } from '../support/app.ts'

const app = await startApp(t)

/** `npm run NAME -- …args` on the app's own database. */
function run(name: string, args: string[], input = '') {
  const { DATABASE_URL, KEY_ENCRYPTION_KEY } = app.env
  return new Promise<{ status: unknown; output: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [`scripts/${name}.ts`, ...args],
      {
        cwd: join(import.meta.dirname, '..', '..'),
        env: { DATABASE_URL, KEY_ENCRYPTION_KEY }
      },
      (error, stdout, stderr) => {
        resolve({ status: error?.code ?? 0, output: stdout + stderr })
      }
    )
    child.stdin?.end(input)
  })
}

void t.test('a mistake at a command line: a sentence, the usage and 1, no stack', async (t) => {
  const quote = /takes NAME, not 2 words: put what holds a space in quotes/
  const mistakes: [RegExp, string, ...string[]][] = [
    [/^Unknown option '--amdin'\.\n\nPeople/, 'users', 'create', 'a@example.com', '--amdin'],
    [/^Unknown option '--soon'\.\n\nThe signing keys/, 'keys', 'list', '--soon'],
    [/^Unknown option '--sure'\.\n\nAfter a restore/, 'recover', '--sure'],
    [/^Unknown option '--jsno'\.\n\nLooks at/, 'doctor', '--jsno'],
    [/^Unknown option '--force'\.\n\nBrings the/, 'migrate', '--force'],
    [/^This command takes no words after it/, 'migrate', 'now'],
    [/^There is no command "crate"\.\n\nPeople/, 'users', 'crate'],
    [/^There is no command "remove"\.\n\nApplications/, 'clients', 'remove'],
    [/^There is no command "initial-token revive"\./, 'clients', 'initial-token', 'revive'],
    [quote, 'clients', 'create', 'Shop', 'Two', '--device'],
    [/^"role" needs ROLE…\./, 'users', 'role', 'a@example.com'],
    [/^"show" needs ID\./, 'clients', 'show']
  ]
  await Promise.all(
    mistakes.map(async ([sentence, name, ...args]) => {
      const { status, output } = await run(name, args)
      t.equal(status, 1, `${name} ${args.join(' ')}`)
      t.match(output, sentence)
      t.match(output, `npm run ${name}`)
      t.notMatch(output, /^ +at /m)
    })
  )
  t.same(await app.sql('SELECT id FROM client'), [], 'and nothing was made')
})

void t.test('a reader who goes before the end: no failure, no stack', async (t) => {
  const cwd = join(import.meta.dirname, '..', '..')
  // Node forgives the first line that nobody takes, and not one of a later turn.
  const script = `
    import { endQuietlyWithTheReader } from './scripts/support/quiet-pipe.ts'
    endQuietlyWithTheReader()
    for (let line = 0; line < 5; line += 1) {
      console.log(line)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }`
  const args = ['--input-type=module', '-e', script]
  const child = spawn(process.execPath, args, { cwd })
  child.stdout.destroy()
  const ended = once(child, 'close')
  t.equal(await text(child.stderr), '')
  t.strictSame(await ended, [0, null])
})

void t.test('what cannot be done: a sentence that says why', async (t) => {
  const [list, directory, weak] = await Promise.all([
    run('clients', ['list']),
    run('users', ['import', tmpdir()]),
    run('users', ['create', 'ada@example.com', '--password-stdin'], 'short\n')
  ])
  t.match(list, { status: 0, output: /^There are none yet\./ })
  t.match(directory, { status: 1, output: /^This is a directory: name a file/ })
  t.match(weak, { status: 1, output: /^weak_password: .*\n {2}- password needs at least 8/ })
})
