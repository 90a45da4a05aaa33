import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Client } from 'pg'
import t from 'tap'
import { readCapturedMail } from '../../src/mail/captured.ts'
import { freshEmail, PASSWORD, secretsOf } from '../support/builders.ts'
import { collect } from '../support/server.ts'
import { deadOrigin, givenServer } from './given.ts'

/** Runs `npm run tour -- …args` to its end. */
const tour = (...args: string[]) => tourIn({}, ...args)

/** The same in an environment. */
async function tourIn(env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, ['scripts/tour.ts', ...args], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env['PATH'], ...env }
  })
  const output = collect(child)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output: output() }
}

const server = await givenServer(t)

void t.test('the tour, of a development server: shows every step and no secret', async (t) => {
  const { code, output } = await tour(server.url)
  t.equal(code, 0, output)
  const numbers = Array.from(output.matchAll(/^ ?(\d+) {2}\S/gm), ([, number]) => Number(number))
  t.strictSame(
    numbers,
    Array.from({ length: 18 }, (_, at) => at + 1)
  )
  t.match(output.trimEnd().split('\n').at(-1), /^18 steps in \d+ ms, every one as it should be\.$/)

  t.notMatch(output, /eyJ[\w-]{10,}/, 'no access token')
  t.notMatch(output, /lkr_[\w-]{10,}/, 'no refresh token')
  t.notMatch(output, /"password":"[^"]{10,}"/, 'no password')
  const mails = await readCapturedMail(join(server.dataDir, 'mail'), 10)
  t.equal(mails.length, 1)
  for (const secret of Object.values(secretsOf(mails[0]!))) {
    t.notOk(output.includes(secret), 'nothing that the mail holds')
    t.ok(output.includes(secret.slice(0, 4)), 'but enough to recognize it')
  }
  t.notMatch(output, '\u001b', 'no colours into a pipe')
})

void t.test('the tour, where nothing listens: says to run npm start', async (t) => {
  const url = await deadOrigin()
  const { code, output } = await tour(url)
  t.equal(code, 1)
  t.match(output, `No server answers at ${url}. Start one with: npm start`)
  t.notMatch(output, '    at ', 'a sentence, not a stack')
})

void t.test(
  'the tour, without a URL: asks where a server of this environment listens',
  async (t) => {
    const [url, other] = [await deadOrigin(), await deadOrigin()]
    const byPort = await tourIn({ PORT: new URL(url).port })
    t.match(byPort.output, `No server answers at ${url}.`)
    t.match(byPort.output, 'npm run tour -- URL')
    const byIssuer = await tourIn({ PORT: new URL(url).port, ISSUER: other })
    t.match(byIssuer.output, `No server answers at ${other}.`)
  }
)

void t.test(
  'the tour, of a server whose limit is used up: names it and what ends it',
  async (t) => {
    const limited = await givenServer(t, { RATE_LIMIT_REGISTER_PER_HOUR: '1' })
    await limited.call('/auth/register', { email: freshEmail(), password: PASSWORD })
    const { code, output } = await tour(limited.url)
    t.equal(code, 1)
    t.match(output, /RATE_LIMIT_REGISTER_PER_HOUR is used up .* Wait \d+ seconds, or restart/)
  }
)

void t.test('the tour, given what is no URL: says how to give one', async (t) => {
  for (const word of ['nonsense', 'localhost:3000']) {
    const { code, output } = await tour(word)
    t.equal(code, 1)
    t.match(output, `"${word}" is no URL. Give one: npm run tour -- http://localhost:3000`)
  }
})

void t.test('the tour, of a server that sends real mail: registers nobody there', async (t) => {
  const sending = await givenServer(t, { SMTP_URL: 'smtp://127.0.0.1:9' })
  const { code, output } = await tour(sending.url)
  t.equal(code, 1)
  t.match(output, /reads the mail at \/dev\/mail, .* run it against a development server/)
  const database = new Client({ connectionString: sending.databaseUrl })
  await database.connect()
  const { rowCount } = await database.query('SELECT FROM registration')
  await database.end()
  t.equal(rowCount, 0)
})

void t.test(
  'the tour, by another name of the server: tells which one its tokens say',
  async (t) => {
    const server = await givenServer(t)
    const { code, output } = await tour(server.url.replace('localhost', '127.0.0.1'))
    t.equal(code, 1)
    t.match(output, `This server calls itself ${server.url}: run npm run tour -- ${server.url}`)
  }
)

void t.test('the tour, of a server that does not keep to it: ends at that step', async (t) => {
  const strict = await givenServer(t, { REFRESH_GRACE_SECONDS: '0' })
  const { code, output } = await tour(strict.url)
  t.equal(code, 1)
  const last = output.trimEnd().split('\n').at(-1)
  t.match(last, /^Step 15, .*: POST \S+\/auth\/refresh-token should answer 200, and answered 401/)
  t.match(last, 'invalid_refresh_token')
})
