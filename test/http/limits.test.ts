import t from 'tap'
import { startApp } from '../support/app.ts'
import { valueOf } from '../support/metrics.ts'
import { isProblem } from '../support/problem.ts'
import { exchange, listen, type RawAnswer } from '../support/raw-http.ts'

/** The promise is 15 s; looked for every second, and the machine may be loaded. */
const REQUEST_TIMEOUT_MS = { from: 14_500, to: 20_000 }

const app = await startApp(t, { ISSUER: 'https://id.example.com' })
const port = await listen(app)

const CRLF = '\r\n'
const GET = `GET /livez HTTP/1.1${CRLF}Host: localhost${CRLF}`
const POST = `POST /auth/login HTTP/1.1${CRLF}Host: localhost${CRLF}Content-Type: application/json${CRLF}`

type Refused = { status: number; code: string }

/** A refusal before there is a route: a problem, the security headers, and the connection is closed. */
function refused(t: Parameters<typeof isProblem>[0], answer: RawAnswer, as: Refused, what: string) {
  const problem = isProblem(t, answer, as.status, what)
  t.equal(problem.code, as.code, what)
  t.match(answer.headers, {
    connection: 'close',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'strict-transport-security': /^max-age=\d{8}/,
    'content-security-policy': /default-src 'none'.*frame-ancestors 'none'/
  })
  t.equal(Number(answer.headers['content-length']), answer.body.length, 'nothing follows it')
}

void t.test('headers beyond 16 KiB, however they are made up: 431', async (t) => {
  const heads = {
    'one header': `${GET}X-Canary: ${'c'.repeat(16_400)}${CRLF}`,
    'many headers': `${GET}${`X-Canary: ccccc${CRLF}`.repeat(1_000)}`,
    'a long name': `${GET}${'c'.repeat(16_400)}: a${CRLF}`,
    'a long cookie': `${GET}Cookie: a=${'c'.repeat(16_400)}${CRLF}`,
    'a long token': `${GET}Authorization: Bearer ${'c'.repeat(16_400)}${CRLF}`,
    'a long URL': `GET /${'c'.repeat(16_400)} HTTP/1.1${CRLF}Host: localhost${CRLF}`,
    'no end of it': `${GET}X-Canary: ${'c'.repeat(1_000_000)}`
  }
  for (const [name, head] of Object.entries(heads)) {
    const answer = await exchange(port, head + CRLF)
    refused(t, answer, { status: 431, code: 'headers_too_large' }, name)
    t.notMatch(answer.body, 'ccc')
  }
})

void t.test('headers of 15 KiB: answered', async (t) => {
  const head = `${GET}Connection: close${CRLF}X-Long: ${'c'.repeat(15 * 1_024)}${CRLF}`
  t.equal((await exchange(port, head + CRLF)).statusCode, 200)
})

void t.test('what is no HTTP, or says two things at once: 400', async (t) => {
  const cases = {
    garbage: `canary${CRLF}${CRLF}`,
    'a TLS hello': Buffer.from('16030100c8010000c40303canary'.padEnd(200, 'f'), 'latin1'),
    'HTTP/2': `PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`,
    'an unknown method': `CANARY /livez HTTP/1.1${CRLF}Host: localhost${CRLF}${CRLF}`,
    'an unknown version': `GET /livez HTTP/9.9${CRLF}Host: localhost${CRLF}${CRLF}`,
    'a word after the version': `GET /livez HTTP/1.1 canary${CRLF}Host: localhost${CRLF}${CRLF}`,
    'bare line feeds': 'GET /livez HTTP/1.1\nHost: localhost\n\n',
    'a blank before the colon': `${GET}Content-Length : 0${CRLF}${CRLF}`,
    'a folded header': `${GET}X-A: a${CRLF} b${CRLF}${CRLF}`,
    'a NUL in a header': `${GET}X-A: \0${CRLF}${CRLF}`,
    'raw bytes in the path': Buffer.from(`GET /\xff HTTP/1.1${CRLF}${CRLF}`, 'latin1'),
    'length and chunks': `${POST}Content-Length: 2${CRLF}Transfer-Encoding: chunked${CRLF}${CRLF}2${CRLF}{}${CRLF}0${CRLF}${CRLF}`,
    'chunks and length': `${POST}Transfer-Encoding: chunked${CRLF}Content-Length: 2${CRLF}${CRLF}2${CRLF}{}${CRLF}0${CRLF}${CRLF}`,
    'two lengths': `${POST}Content-Length: 2${CRLF}Content-Length: 3${CRLF}${CRLF}{}`,
    'a list of lengths': `${POST}Content-Length: 2, 3${CRLF}${CRLF}{}`,
    'a negative length': `${POST}Content-Length: -1${CRLF}${CRLF}{}`,
    'a signed length': `${POST}Content-Length: +2${CRLF}${CRLF}{}`,
    'a length in hex': `${POST}Content-Length: 0x2${CRLF}${CRLF}{}`,
    'an unknown coding': `${POST}Transfer-Encoding: xchunked${CRLF}${CRLF}2${CRLF}{}${CRLF}0${CRLF}${CRLF}`,
    'chunked, not last': `${POST}Transfer-Encoding: chunked, gzip${CRLF}${CRLF}2${CRLF}{}${CRLF}0${CRLF}${CRLF}`,
    'two codings': `${POST}Transfer-Encoding: chunked${CRLF}Transfer-Encoding: x${CRLF}${CRLF}0${CRLF}${CRLF}`,
    'a chunk of no size': `${POST}Transfer-Encoding: chunked${CRLF}${CRLF}zz${CRLF}{}${CRLF}0${CRLF}${CRLF}`
  }
  for (const [name, bytes] of Object.entries(cases)) {
    const answer = await exchange(port, bytes)
    refused(t, answer, { status: 400, code: 'invalid_request' }, name)
    t.notMatch(answer.body, /canary/i)
  }
})

void t.test('what is refused before there is a route: counted', async (t) => {
  const read = async (method: string) =>
    valueOf((await app.get('/metrics')).body, 'latchkey_http_requests_total', {
      method,
      route: 'none',
      status: '4xx'
    }) ?? 0
  const before = { other: await read('other'), GET: await read('GET') }
  await exchange(port, `canary${CRLF}${CRLF}`)
  await exchange(port, `${GET}X-Canary: ${'c'.repeat(16_400)}${CRLF}${CRLF}`)
  const url = await exchange(
    port,
    `GET /%E0%A4%A HTTP/1.1${CRLF}Host: a${CRLF}Connection: close${CRLF}${CRLF}`
  )
  t.equal(isProblem(t, url, 400, 'a malformed URL').code, 'invalid_request')
  t.match(url.headers, { 'x-frame-options': 'DENY', 'strict-transport-security': /^max-age=/ })
  t.equal(await read('other'), before.other + 2)
  t.equal(await read('GET'), before.GET + 1)
})

void t.test('no Host: 400, and the connection is closed', async (t) => {
  const answer = await exchange(port, `GET /livez HTTP/1.1${CRLF}${CRLF}`)
  t.equal(answer.statusCode, 400)
  t.equal(answer.headers['connection'], 'close')
})

void t.test('a second request behind a length that lies: never answered', async (t) => {
  const smuggled = `GET /livez HTTP/1.1${CRLF}Host: localhost${CRLF}${CRLF}`
  const chunks = `0${CRLF}${CRLF}${smuggled}`
  const both = `${POST}Content-Length: ${chunks.length}${CRLF}Transfer-Encoding: chunked${CRLF}${CRLF}`
  const answer = await exchange(port, both + chunks)
  refused(t, answer, { status: 400, code: 'invalid_request' }, 'the first one')
  t.notMatch(answer.body, /alive/, 'one answer')
})

void t.test('a body announced or sent beyond 64 KiB: 413 at once, and closed', async (t) => {
  const chunk = `4000${CRLF}${'a'.repeat(0x4000)}${CRLF}`
  const bodies = {
    announced: `${POST}Content-Length: 65537${CRLF}${CRLF}{`,
    'announced beyond all numbers': `${POST}Content-Length: 9007199254740991${CRLF}${CRLF}{`,
    'in chunks': `${POST}Transfer-Encoding: chunked${CRLF}${CRLF}${chunk.repeat(5)}`
  }
  for (const [name, bytes] of Object.entries(bodies)) {
    const answer = await exchange(port, bytes)
    t.equal(isProblem(t, answer, 413, name).code, 'body_too_large')
    t.equal(answer.headers['connection'], 'close')
    t.ok(answer.tookMs < 2_000, `${name}: nobody waits for the rest`)
  }
})

void t.test('requests that never end: 408 after 15 s, however they dawdle', async (t) => {
  const head = `${POST}Content-Length: 60000${CRLF}`
  const slow = {
    'not a byte': { bytes: '' },
    'half a head': { bytes: head },
    'a head that drips': { bytes: head, drip: `X-Drip: a${CRLF}` },
    'half a body': { bytes: `${head}${CRLF}{"email":` },
    'a body that drips': { bytes: `${head}${CRLF}{"email":"`, drip: 'a' }
  }
  await Promise.all(
    Object.entries(slow).map(async ([name, { bytes, ...options }]) => {
      const answer = await exchange(port, bytes, { withinMs: 25_000, ...options })
      refused(t, answer, { status: 408, code: 'request_timeout' }, name)
      const { tookMs } = answer
      const { from, to } = REQUEST_TIMEOUT_MS
      t.ok(tookMs > from && tookMs < to, `${name}: after ${Math.round(tookMs)} ms`)
    })
  )
  t.equal((await app.get('/livez')).statusCode, 200, 'and the server serves others')
})
