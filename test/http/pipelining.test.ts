import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { basic, givenClient, postForm } from '../support/oauth.ts'
import { answersIn, exchange, listen } from '../support/raw-http.ts'

const app = await startApp(t, { ISSUER: 'https://id.example.com' })
const port = await listen(app)
const service = await givenClient(app, {
  grant_types: ['client_credentials'],
  scope: 'a:read',
  resource_server: true
})
const { user, accessToken, refreshToken } = await givenSession(app)
const { authorization } = basic(service)

const FORM = 'application/x-www-form-urlencoded'
const CREDENTIALS = 'grant_type=client_credentials'
const HIDDEN = 'GET /livez HTTP/1.1\r\nhost: a\r\n\r\n'
const LAST = 'GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'

const get = (path: string, lines: string[] = []) =>
  `GET ${path} HTTP/1.1\r\nhost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`

function post(path: string, type: string, body: string, lines: string[] = []) {
  const head = [`POST ${path} HTTP/1.1`, 'host: a', `content-type: ${type}`, ...lines]
  return `${[...head, `content-length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`
}

const verify = (lines: string[] = []) =>
  get('/verify-token', [`authorization: Bearer ${accessToken}`, ...lines])
const own = `authorization: ${authorization!}`
const credentials = (lines: string[] = []) =>
  post('/oauth/token', FORM, CREDENTIALS, [own, ...lines])
const introspect = () => post('/oauth/introspect', FORM, `token=${accessToken}`, [own])

/** So that all of these are answered before the lifecycle. */
async function meet(): Promise<void> {
  await app.get('/verify-token', accessToken)
  await postForm(app, '/oauth/introspect', { token: accessToken }, basic(service))
}

async function answers(bytes: string) {
  return answersIn(await exchange(port, Buffer.from(bytes, 'latin1')))
}

const statuses = (all: { statusCode: number }[]) => all.map(({ statusCode }) => statusCode)

void t.test(
  'requests of all kinds in one piece: answered in their order, each its own',
  async (t) => {
    await meet()
    const refresh = post(
      '/auth/refresh-token',
      'application/json',
      `{"refresh_token":"${refreshToken}"}`
    )
    const asked: [string, RegExp][] = [
      [verify(), new RegExp(`"sub":"${user.id}"`)],
      [get('/livez'), /alive/],
      [credentials(), /"scope":"a:read"/],
      [introspect(), /"token_type":"Bearer"/],
      [get('/.well-known/jwks.json'), /"keys"/],
      [refresh, /"refresh_token"/],
      [post('/oauth/introspect', FORM, 'token=none', [own]), /"active":false/],
      [get('/nothing'), /not_found/],
      [get('/.well-known/openid-configuration'), /"issuer"/],
      [LAST, /alive/]
    ]
    const all = await answers(asked.map(([bytes]) => bytes).join(''))
    t.equal(all.length, asked.length)
    for (const [n, [, body]] of asked.entries()) t.match(all[n]?.body, body, `number ${n}`)
    const ids = all.map(({ headers }) => headers['x-request-id'])
    t.equal(new Set(ids).size, asked.length, 'each by an id of its own')
  }
)

void t.test(
  'bytes behind the length that was declared: the next request, whatever they are',
  async (t) => {
    await meet()
    for (const request of [verify(), credentials(), introspect(), get('/.well-known/jwks.json')]) {
      t.strictSame(
        statuses(await answers(`${request}\r\n${LAST}`)),
        [200, 200],
        'a line break more'
      )
      t.strictSame(
        statuses(await answers(`${request}=x&${LAST}`)),
        [200, 400],
        'not a part of the body'
      )
      t.strictSame(
        statuses(await answers(`${request}\0`)),
        [200, 400],
        'answered before the refusal'
      )
    }
    const closing = credentials(['connection: close'])
    t.strictSame(statuses(await answers(closing + HIDDEN)), [200], 'nothing after the last one')
  }
)

void t.test('a body on a request that needs none: no request', async (t) => {
  await meet()
  const bodies = {
    'of a length': verify([`content-length: ${HIDDEN.length}`]) + HIDDEN,
    'in chunks': `${verify(['transfer-encoding: chunked'])}${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`
  }
  for (const [name, bytes] of Object.entries(bodies)) {
    const all = await answers(bytes + LAST)
    t.strictSame(statuses(all), [200, 200], name)
  }
})

void t.test(
  'a length that lies, or two ways to tell it: 400, and nothing else is answered',
  async (t) => {
    await meet()
    const chunked = 'transfer-encoding: chunked'
    for (const line of [chunked, 'transfer-encoding: identity', 'Transfer-Encoding : chunked']) {
      t.strictSame(statuses(await answers(credentials([line]) + LAST)), [400], line)
    }
    for (const line of ['content-length: 0', 'content-length: +29', 'content-length: 0x1d']) {
      t.strictSame(statuses(await answers(credentials([line]) + LAST)), [400], line)
    }
    const short = credentials().replace(`length: ${CREDENTIALS.length}`, 'length: 5')
    t.notOk(statuses(await answers(short + LAST)).includes(200), 'too short')
    const long = credentials().replace(
      `length: ${CREDENTIALS.length}`,
      `length: ${CREDENTIALS.length + LAST.length}`
    )
    t.strictSame(statuses(await answers(long + LAST + LAST)), [400, 200], 'too long: one body')
  }
)

void t.test('who waits to be told to send the body: told, and answered', async (t) => {
  await meet()
  const expecting = credentials(['expect: 100-continue', 'connection: close'])
  t.strictSame(statuses(await answers(expecting)), [100, 200], 'in one piece')
  const cutAt = expecting.length - CREDENTIALS.length
  const pieces = [expecting.slice(0, cutAt), expecting.slice(cutAt)].map((piece) =>
    Buffer.from(piece)
  )
  t.strictSame(statuses(answersIn(await exchange(port, pieces))), [100, 200], 'in two')
})

void t.test(
  'a hundred requests in one piece: answered; a thousand: the connection is closed',
  async (t) => {
    for (const path of ['/livez', '/.well-known/jwks.json']) {
      const hundred = await answers(get(path).repeat(100) + LAST)
      t.strictSame(statuses(hundred), Array<number>(101).fill(200), path)
      const thousand = await exchange(port, get(path).repeat(1_000) + LAST)
      t.ok(thousand.statusCode === 0 || answersIn(thousand).length <= 200, path)
    }
    t.strictSame(statuses(await answers(LAST)), [200], 'others are served')
  }
)

void t.test(
  'hundreds in one connection, each piece after the answers: all are answered',
  async (t) => {
    const socket = connect({ port, host: '127.0.0.1' })
    t.teardown(() => socket.destroy())
    let text = ''
    let isOver = false
    socket.on('data', (piece: Buffer) => (text += piece.toString('latin1')))
    socket.on('close', () => (isOver = true))
    const answered = () => text.split('HTTP/1.1 200 ').length - 1
    for (let piece = 1; piece <= 4; piece += 1) {
      socket.write(get('/livez').repeat(80))
      await eventually('all answers', () => Promise.resolve(isOver || answered() >= piece * 80))
      t.equal(answered(), piece * 80)
    }
  }
)

/** Who is refused and does not go away. */
async function staysOpen(t: Test, bytes: string) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket
    .on('error', () => undefined)
    .resume()
    .write(bytes)
  await once(socket, 'end')
}

void t.test('who is refused and keeps the connection open: closed all the same', async (t) => {
  const open = () =>
    new Promise<number>((told) =>
      app.app.server.getConnections((_, count) => {
        told(count)
      })
    )
  for (const bytes of ['\0', `${get('/livez')}\0`, `GET / HTTP/1.1\r\nx: ${'x'.repeat(17_000)}`]) {
    await staysOpen(t, bytes)
  }
  await eventually('no connection', async () => (await open()) === 0)
  t.equal(await open(), 0)
})
