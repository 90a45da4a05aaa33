import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser, holdLocks, PASSWORD } from '../support/builders.ts'
import { createVisitor } from '../support/page-visitor.ts'

const app = await startApp(t)

void t.test('unknown, wrong, locked: one answer, at the page too (P3)', async (t) => {
  const known = await givenUser(app)
  const locked = await givenUser(app)
  for (let guess = 0; guess < 6; guess += 1) {
    await app.post('/auth/login', { email: locked.email, password: 'wrong-otter-12' })
  }
  await holdLocks(app)
  const tries = {
    unknown: { email: 'nobody-at-all@example.com', password: PASSWORD },
    wrong: { email: known.email, password: 'wrong-otter-12' },
    'locked, with the right password': { email: locked.email, password: PASSWORD }
  }
  const shapes = new Set<string>()
  for (const [what, fields] of Object.entries(tries)) {
    const visitor = createVisitor(app)
    const { statusCode, body, headers, cookies } = await visitor.send('/login', fields)
    t.equal(statusCode, 401, what)
    t.notOk(visitor.session())
    const plain = body
      .replaceAll(fields.email, 'EMAIL')
      .replaceAll(/value="[\w-]{43}\.[\w-]{43}"/g, '')
    const names = Object.keys(headers).filter((name) => name !== 'date')
    shapes.add(JSON.stringify([plain, names.sort(), cookies.map(({ name }) => name)]))
  }
  t.equal(shapes.size, 1, 'to the letter')
})

void t.test('a username in the same field: logs in', async (t) => {
  await givenUser(app, { username: 'ada.lovelace' })
  const visitor = createVisitor(app)
  t.equal((await visitor.logIn('Ada.Lovelace')).statusCode, 303)
})

void t.test('wrong guesses at the page and at the API: one count (P4)', async (t) => {
  const { email, id } = await givenUser(app)
  for (let guess = 0; guess < 3; guess += 1) {
    await createVisitor(app).logIn(email, { password: 'wrong-otter-12' })
    await app.post('/auth/login', { email, password: 'wrong-otter-12' })
  }
  await holdLocks(app)
  t.equal((await app.post('/auth/login', { email, password: PASSWORD })).statusCode, 401)
  t.equal((await createVisitor(app).logIn(email)).statusCode, 401)
  t.strictSame(await app.sql('SELECT id FROM session WHERE user_id = $1', [id]), [])
})

void t.test('a name that can be nobody’s: answered like an unknown one', async (t) => {
  for (const email of ['\0', 'a\0b', 'x', 'ä'.repeat(100), '\ud800']) {
    const { statusCode } = await createVisitor(app).logIn(email)
    t.equal(statusCode, 401, JSON.stringify(email))
  }
})
