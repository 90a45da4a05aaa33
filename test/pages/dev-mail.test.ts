import { randomBytes } from 'node:crypto'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenRegistration } from '../support/registrations.ts'
import { startRedis } from '../support/redis.ts'
import { startSmtpSink } from '../support/smtp-sink.ts'

const app = await startApp(t)
const { token, mail } = await givenRegistration(app)
const PATHS = ['/dev/mail', '/dev/mail.json', `/dev/mail/${mail.id}`]

type Visitor = { host?: string; peer?: string; headers?: Record<string, string> }

async function visit(url: string, { host, peer, headers }: Visitor = {}) {
  return app.app.inject({
    url,
    headers: { host: host ?? 'localhost:3000', ...headers },
    remoteAddress: peer ?? '127.0.0.1'
  })
}

void t.test(
  'captured mail, looked at from this machine: the mails, and no inline script',
  async (t) => {
    const hosts = ['localhost', 'localhost:3000', '127.0.0.1:3000', '[::1]:3000']
    for (const host of hosts) t.equal((await visit('/dev/mail', { host })).statusCode, 200, host)
    for (const peer of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1']) {
      t.equal((await visit('/dev/mail', { peer })).statusCode, 200, peer)
    }
    t.match((await visit('/dev/mail')).body, token)
    t.equal((await visit('/dev/mail.json')).json().mails[0].id, mail.id)
    const html = await visit(`/dev/mail/${mail.id}`)
    t.match(html.headers['content-security-policy'], /default-src 'none'/)
    t.notMatch(html.headers['content-security-policy'], /script-src/)
  }
)

const STRANGERS: Record<string, Visitor> = {
  'a foreign Host': { host: 'evil.example' },
  'a foreign Host that begins like ours': { host: 'localhost.evil.example' },
  'one that begins with an address of ours': { host: '127.0.0.1.evil.example' },
  'one that ends like ours': { host: 'evil-localhost' },
  'a Host with a user': { host: 'localhost@evil.example' },
  'a Host of 0': { host: '0.0.0.0:3000' },
  'a foreign peer': { peer: '203.0.113.9' },
  'a foreign IPv6 peer': { peer: '2001:db8::1' },
  'a foreign peer in IPv6 spelling': { peer: '::ffff:203.0.113.9' },
  'a private peer': { peer: '10.127.0.1' },
  'a foreign Host, with forwarded headers': {
    host: 'evil.example',
    headers: { 'x-forwarded-host': 'localhost', forwarded: 'host=localhost;for=127.0.0.1' }
  },
  'a foreign peer that says it is not': {
    peer: '203.0.113.9',
    headers: { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' }
  }
}

void t.test('captured mail, looked at from elsewhere: 404, and not a word', async (t) => {
  for (const [who, visitor] of Object.entries(STRANGERS)) {
    for (const path of PATHS) {
      const answer = await visit(path, visitor)
      t.equal(answer.statusCode, 404, `${who}: ${path}`)
      t.notOk(answer.body.includes(token))
    }
  }
})

void t.test(
  'captured mail behind a trusted proxy: the visitor counts, not the proxy',
  async (t) => {
    const behind = await startApp(t, { TRUSTED_PROXIES: '127.0.0.1' })
    const look = async (headers: Record<string, string>) =>
      (await behind.app.inject({ url: '/dev/mail', headers, remoteAddress: '127.0.0.1' }))
        .statusCode
    const forwarded = { 'x-forwarded-for': '203.0.113.9' }
    t.equal(await look({ host: 'localhost' }), 200, 'nobody forwarded anything')
    t.equal(await look({ host: 'localhost', ...forwarded }), 404, 'a stranger with our Host')
    t.equal(await look({ host: 'evil.example', 'x-forwarded-host': 'localhost' }), 404)
    t.equal(
      await look({ host: 'evil.example', ...forwarded, 'x-forwarded-host': 'localhost' }),
      404
    )
  }
)

void t.test('an id that leads out of the folder: 404 or 422, and no file', async (t) => {
  for (const id of ['../../etc/passwd', '..%2f..%2fetc%2fpasswd', 'x', `${mail.id}.eml`, '%00']) {
    const answer = await visit(`/dev/mail/${id}`)
    t.ok([400, 404, 422].includes(answer.statusCode), `${id}: ${answer.statusCode}`)
    t.notMatch(answer.body, /root:/)
  }
})

void t.test('a mail server or production configured: there is no such page', async (t) => {
  const sink = await startSmtpSink(t)
  const redis = await startRedis(t)
  const production = {
    NODE_ENV: 'production',
    ISSUER: 'https://id.example.com',
    SMTP_URL: sink.url,
    REDIS_URL: redis.url,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64')
  }
  for (const env of [{ SMTP_URL: sink.url }, production]) {
    const other = await startApp(t, env)
    for (const path of PATHS) {
      const headers = { host: 'localhost:3000' }
      t.equal((await other.app.inject({ url: path, headers })).statusCode, 404, path)
    }
    t.equal((await other.get('/verify-email')).statusCode, 200, 'other pages are there')
  }
})
