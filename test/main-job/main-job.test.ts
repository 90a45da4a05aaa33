import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import PostalMime from 'postal-mime'
import t from 'tap'
import { claimsOf, freshEmail, PASSWORD } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenLogin, givenResourceServer, givenServer } from './given.ts'

const server = await givenServer(t)
const service = await givenResourceServer(t, server.url)
const { call } = server

/** The mail to an address, read from its `.eml` file once it is there. */
async function readEml(email: string) {
  const folder = join(server.dataDir, 'mail')
  return eventually(`an .eml to ${email}`, async () => {
    const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.eml'))
    const mails = await Promise.all(
      files.map(async (name) => PostalMime.parse(await readFile(join(folder, name))))
    )
    return mails.find(({ to }) => to?.[0]?.address === email)
  })
}

async function register() {
  const person = { email: freshEmail(), password: PASSWORD }
  const answer = await call('/auth/register', person)
  const { text = '', html = '', ...mail } = await readEml(person.email)
  const [link = '', token = ''] = /http\S+token=([\w-]+)/.exec(text) ?? []
  const code = /^ +(\w{4}-\w{4})\s*$/m.exec(text)?.[1] ?? ''
  return { person, answer, mail, text, html, link, token, code }
}

void t.test(
  'registering, on a server without SMTP_URL: one whole .eml is on the disk',
  async (t) => {
    const { person, mail, text, html, link, token, code } = await register()
    t.strictSame(mail.to, [{ address: person.email, name: '' }])
    t.strictSame(mail.from, { address: 'no-reply@localhost', name: 'Latchkey' })
    t.equal(mail.subject, 'Verify your e-mail address for Latchkey')
    t.match(mail.messageId, /^<[0-9a-f-]{36}@localhost>$/)
    t.match(
      mail.headers.find(({ key }) => key === 'content-type')?.value,
      /^multipart\/alternative;/
    )
    t.equal(mail.headers.find(({ key }) => key === 'auto-submitted')?.value, 'auto-generated')
    t.ok(Math.abs(Date.parse(mail.date ?? '') - Date.now()) < 60_000)
    t.strictSame(mail.attachments, [])

    t.equal(link, `${server.url}/verify-email?token=${token}`)
    t.equal(Buffer.from(token, 'base64url').length, 32, '256 bits')
    t.match(code, /^[0-9A-HJ-NP-Z]{4}-[0-9A-HJ-NP-Z]{4}$/)
    t.ok(html.includes(`<a href="${link}"`), 'the HTML part has the link')
    t.ok(html.includes(`>${code}<`), 'and the code')
    t.notMatch(text + html, PASSWORD)
  }
)

void t.test('the main job, from register to logout: each step opens the next', async (t) => {
  const { person, answer, link, token } = await register()
  t.match(answer, { status: 201, body: { user: { email_verified: false } } })
  t.match(await call('/auth/login', person), { status: 401, body: { code: 'invalid_credentials' } })

  t.equal((await fetch(link)).status, 200, 'looking at the link spends nothing')
  t.equal((await call('/auth/verify-email', { token })).status, 200)
  const spent = await call('/auth/verify-email', { token })
  t.match(spent, { status: 400, body: { code: 'invalid_token' } })

  const { status, body: pair } = await call('/auth/login', person)
  t.equal(status, 200)
  t.match(pair.user, { id: answer.body.user.id, email_verified: true })
  const accepted = await service.present(pair.access_token)
  t.equal(accepted.status, 200)
  t.strictSame(await accepted.json(), {
    sub: pair.user.id,
    scope: claimsOf(pair.access_token)['scope'],
    roles: ['user']
  })

  const refreshed = await call('/auth/refresh-token', { refresh_token: pair.refresh_token })
  t.equal(refreshed.status, 200)
  const { access_token, refresh_token } = refreshed.body
  t.not(refresh_token, pair.refresh_token)
  t.equal((await service.present(access_token)).status, 200)

  const authorization = `Bearer ${access_token}`
  t.equal((await call('/auth/logout', {}, { authorization })).status, 200)
  const refused = await call('/auth/refresh-token', { refresh_token })
  t.match(refused, { status: 401, body: { code: 'invalid_refresh_token' } })
  for (const accessToken of [pair.access_token, access_token]) {
    const asked = await fetch(`${server.url}/verify-token`, {
      headers: { authorization: `Bearer ${accessToken}` }
    })
    t.equal(asked.status, 401, 'every access token of the session ended with it')
    t.match(asked.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
  }
})

void t.test('the typed code, beside the address: verifies once, as the link does', async (t) => {
  const { person, token, code } = await register()
  const { email } = person
  t.equal((await call('/auth/verify-email', { email, code: code.toLowerCase() })).status, 200)
  t.equal((await call('/auth/login', person)).status, 200)
  t.match(await call('/auth/verify-email', { email, code }), { status: 400 })
  t.match(await call('/auth/verify-email', { token }), { status: 400 }, 'the link went with it')
})

void t.test(
  'another service, shown no token or a broken one: refuses with a challenge',
  async (t) => {
    const { accessToken } = await givenLogin(server)
    const [header, , signature] = accessToken.split('.') as [string, string, string]
    const forged = { ...claimsOf(accessToken), roles: ['admin'] }
    const payload = Buffer.from(JSON.stringify(forged)).toString('base64url')

    const none = await service.present()
    t.equal(none.status, 401)
    t.equal(none.headers.get('www-authenticate'), 'Bearer realm="example"')
    for (const broken of [
      'garbage',
      `${header}.${payload}.${signature}`,
      accessToken.slice(0, -4)
    ]) {
      const answer = await service.present(broken)
      t.equal(answer.status, 401)
      t.equal(answer.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
    }
    t.equal((await service.present(accessToken)).status, 200, 'the whole one is accepted')
  }
)

void t.test('another service, shown a token an hour old: refuses it', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t)
  const database = new Client({ connectionString: databaseUrl })
  await database.connect()
  await database.query(`CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql
                        STABLE PARALLEL SAFE AS $$ SELECT now() - interval '1 hour' $$`)
  await database.end()
  const past = await givenServer(t, { DATABASE_URL: databaseUrl })
  const { accessToken } = await givenLogin(past)
  const answer = await (await givenResourceServer(t, past.url)).present(accessToken)
  t.equal(answer.status, 401)
  t.equal(answer.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
})
