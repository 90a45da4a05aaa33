import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startApp } from '../../support/app.ts'
import { freshEmail } from '../../support/builders.ts'
import { atOnce, login, statuses } from '../../support/registrations.ts'
import { importLines } from '../../support/user-imports.ts'

type Fixture = { name: string; madeBy: string; password: string; hash: string }

/** Made by other implementations than ours, each as its `madeBy` says. */
const fixtures = JSON.parse(
  await readFile(join(import.meta.dirname, 'fixtures.json'), 'utf8')
) as Fixture[]
/** What was typed into the other system, told apart by NFKC. */
const NOT_NFKC = 'pa\u017f\u017fwo\u0301rd-\ufb01\u2160-\u738b'
const LONG = '0123456789abcdef'.repeat(4) + '01234567-beyond-72-bytes'

const app = await startApp(t)
const people = fixtures.map((fixture, index) => personOf(fixture, `fixture-${index}`))
const notNfkc = fixtures
  .filter(({ password }) => password === NOT_NFKC)
  .map((fixture, index) => personOf(fixture, `not-nfkc-${index}`))
const long = personOf(fixtureOf('bcrypt 2a, made from the first 72 bytes'), 'long')
const twenty = personOf(fixtureOf('PBKDF2-SHA256, Werkzeug'), 'twenty')
const byHand = personOf(fixtureOf('bcrypt 2b'), 'by-hand')
const everybody = [...people, ...notNfkc, long, twenty, byHand]
const imported = await importLines(
  t,
  app,
  everybody.map(({ email, username, hash }) => ({
    email,
    email_verified: true,
    username,
    password_hash: hash
  }))
)
t.match(imported, { code: 0, output: /\d+ lines, \d+ new, 0 already there, 0 bad\./ })

function fixtureOf(name: string): Fixture {
  return fixtures.find((fixture) => fixture.name === name)!
}

function personOf(fixture: Fixture, username: string) {
  return { ...fixture, email: freshEmail(), username }
}

async function storedHash(username: string): Promise<string> {
  const [row] = await app.sql<{ hash: string }>(
    'SELECT password_hash AS hash FROM users WHERE username = $1',
    [username]
  )
  return row!.hash
}

async function foreignHashes(): Promise<number> {
  const { body } = await app.get('/metrics')
  return Number(/^latchkey_foreign_password_hashes (\d+)$/m.exec(body)?.[1])
}

for (const { name, email, username, password } of people) {
  void t.test(
    `${name}, at the first right login: opens, and is argon2id from then on`,
    async (t) => {
      const before = await foreignHashes()
      t.equal((await login(app, email, `X${password}`)).statusCode, 401, 'a wrong one')
      t.notMatch(await storedHash(username), /^\$argon2id\$/, 'a wrong one replaces nothing')
      t.equal((await login(app, email, password)).statusCode, 200)
      t.match(await storedHash(username), /^\$argon2id\$v=19\$m=19456,/)
      t.equal(await foreignHashes(), before - 1)
      t.equal((await login(app, email, password)).statusCode, 200, 'the same bytes typed again')
      t.equal((await login(app, email, `X${password}`)).statusCode, 401)
    }
  )
}

void t.test(
  'a password that NFKC would change, before and after: the typed bytes open',
  async (t) => {
    for (const { name, email } of notNfkc) {
      const folded = NOT_NFKC.normalize('NFKC')
      t.equal((await login(app, email, folded)).statusCode, 401, `${name}: raw bytes only`)
      t.equal((await login(app, email, NOT_NFKC)).statusCode, 200)
      t.equal((await login(app, email, NOT_NFKC)).statusCode, 200, 'once more')
      t.equal((await login(app, email, folded)).statusCode, 200, 'on any keyboard from now on')
    }
  }
)

void t.test('bcrypt beyond 72 bytes, until the first login: cut; then whole', async (t) => {
  const { email } = long
  t.equal((await login(app, email, `X${LONG.slice(1)}`)).statusCode, 401)
  t.equal((await login(app, email, `${LONG.slice(0, 72)}-typed-now`)).statusCode, 200)
  t.equal((await login(app, email, LONG)).statusCode, 401, 'what was typed counts from then on')
  t.equal((await login(app, email, `${LONG.slice(0, 72)}-typed-now`)).statusCode, 200)
})

void t.test('first logins, twenty at once: all open, one hash stands', async (t) => {
  const { email, password } = twenty
  const answers = await atOnce(20, () => login(app, email, password))
  t.strictSame(statuses(answers), { 200: 20 })
  t.match(await storedHash('twenty'), /^\$argon2id\$/)
})

void t.test(
  'a hash beyond the bounds, put into the table by hand: is never computed',
  async (t) => {
    const { email, password, hash } = byHand
    for (const stored of [
      hash.replace('$10$', '$31$'),
      '$scrypt$ln=24,r=8,p=1$VKpVSglhDKF0TinlXEsJQQ$rLWS72xEz+fkPxtnyw3v7g5vBLg0yFiWae3qu0F0jRw',
      'pbkdf2_sha256$2000000000$c2FsdA$4ADyxP6GHZKn9AXQmIQWUBlMDMti/Anq2Gvl+5Tg9WM=',
      '$imported$argon2id$v=19$m=4194304,t=3,p=4$s+bSgp+8aMmawHMZM3FBeA$VWWs7zqoWAZtyl7NpJHh7TR9+t+y0+u5mEEjEAq86dw',
      '5f4dcc3b5aa765d61d8327deb882cf99'
    ]) {
      await app.sql('UPDATE users SET password_hash = $1 WHERE username = $2', [stored, 'by-hand'])
      await app.sql('DELETE FROM guess_lane')
      const startedAt = performance.now()
      t.equal((await login(app, email, password)).statusCode, 401)
      t.ok(performance.now() - startedAt < 2_000, 'at once')
      t.equal(await storedHash('by-hand'), stored)
    }
  }
)
