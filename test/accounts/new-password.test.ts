import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail } from '../support/builders.ts'
import { givenRegistration, login, register, verify } from '../support/registrations.ts'

const app = await startApp(t, { PASSWORD_MIN_LENGTH: '12' })

async function givenPerson(password: string): Promise<string> {
  const { email, token } = await givenRegistration(app, { password })
  await verify(app, { token })
  return email
}

void t.test('a password, too short or too long by code points: 422 with the reason', async (t) => {
  const before = await app.sql('SELECT count(*)::int FROM registration')
  const wordy = 'quartz Sparrow lantern 🦜 '
  const tooLong = Array.from(wordy.repeat(20)).slice(0, 257).join('')
  for (const password of ['q7#Lantern-9', '🦜'.repeat(11), tooLong, 'q'.repeat(1_024)]) {
    const short = Array.from(password).length <= 12 ? password.slice(0, -1) : password
    const answer = await register(app, { password: short })
    t.equal(answer.statusCode, 422)
    t.match(answer.json(), { code: 'weak_password', errors: [{ field: 'password' }] })
    t.ok(answer.json().errors[0].detail.length > 0)
    t.notOk(answer.body.includes(short), 'the value is not repeated')
  }
  t.strictSame(await app.sql('SELECT count(*)::int FROM registration'), before)
})

void t.test('a password of 12 and one of 256 code points: taken whole', async (t) => {
  const longest = Array.from('quartz Sparrow lantern 🦜 '.repeat(20)).slice(0, 256).join('')
  for (const password of ['q7#Lantern-9', longest]) {
    const email = await givenPerson(password)
    t.equal((await login(app, email, password)).statusCode, 200)
    const cut = Array.from(password).slice(0, -1).join('')
    t.equal((await login(app, email, cut)).statusCode, 401, 'its last character counts')
  }
})

void t.test('a password, spelt composed or decomposed: logs in alike (NFKC)', async (t) => {
  const password = 'Krähe Ölkanne ﬁnal №42'
  const email = await givenPerson(password)
  const spellings = [password, password.normalize('NFD'), password.normalize('NFKD')]
  t.equal(new Set(spellings).size, 3, 'three spellings')
  for (const spelling of spellings) {
    t.equal((await login(app, email, spelling)).statusCode, 200)
  }
  t.equal((await login(app, email, password.toLowerCase())).statusCode, 401, 'case counts')
})

void t.test('a password that is one’s own address or name, registered: refused', async (t) => {
  const email = `long-person-${freshEmail()}`
  const name = 'Wilhelmina Featherstone'
  const username = 'featherstone-1907'
  for (const password of [email, email.toUpperCase(), name, username]) {
    const answer = await register(app, { email, name, username, password })
    t.equal(answer.statusCode, 422, password)
    t.equal(answer.json().code, 'weak_password')
  }
  t.equal((await register(app, { email, name, username })).statusCode, 201, 'another one is fine')
})

void t.test('a weak password for a taken address: refused as for a free one', async (t) => {
  const taken = await givenPerson('sparrow-lantern-42-quartz')
  const answers = [
    await register(app, { email: taken, password: 'short' }),
    await register(app, { password: 'short' })
  ]
  t.equal(answers[0]?.statusCode, 422)
  t.equal(answers[0]?.body, answers[1]?.body)
})

void t.test('what is kept of a password: an argon2id hash with its own salt (P2)', async (t) => {
  const password = 'sparrow-lantern-42-quartz'
  const ids = []
  for (let i = 0; i < 2; i += 1) ids.push((await givenRegistration(app, { password })).id)
  const rows = await app.sql<{ hash: string }>(
    'SELECT password_hash AS hash FROM registration WHERE id = ANY($1::uuid[])',
    [ids]
  )
  t.not(rows[0]?.hash, rows[1]?.hash)
  for (const { hash } of rows) {
    t.match(hash, /^\$argon2id\$v=19\$/)
    const [parameters = '', salt = ''] = hash.split('$').slice(3)
    const { m, t: passes } = Object.fromEntries(
      parameters.split(',').map((pair) => pair.split('='))
    ) as Record<string, string>
    t.ok(Number(m) >= 19_456 && Number(passes) >= 2, parameters)
    t.equal(Buffer.from(salt, 'base64').length, 16)
  }
})
