import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'

const DOORS = ['/auth/verify-token', '/verify-token', '/auth/me']

const app = await startApp(t)
const { accessToken } = await givenSession(app)

/** What follows the scheme is no token of ours, so one was shown (RFC 6750 §3.1). */
const SHOWN = {
  garbage: 'Bearer garbage',
  'two tokens': `Bearer ${accessToken} ${accessToken}`,
  'two tokens, as a proxy joins two headers': `Bearer ${accessToken}, Bearer ${accessToken}`,
  'the scheme twice': `Bearer Bearer ${accessToken}`,
  'an empty token': 'Bearer ""',
  'a quoted token': `Bearer "${accessToken}"`,
  'a token in the parameter style': `Bearer token=${accessToken}`,
  '10 KB of letters': `Bearer ${'A'.repeat(10_000)}`,
  '10 KB of dots': `Bearer ${'.'.repeat(10_000)}`,
  '10 KB of segments': `Bearer ${'e30.'.repeat(2_500)}`,
  '10 KB of blanks': `Bearer ${' '.repeat(10_000)}x y`,
  '10 KB of padding': `Bearer x${'='.repeat(10_000)}y`,
  'a token in an array': `Bearer [${accessToken}]`,
  'a good token and a NUL': `Bearer ${accessToken}\0`,
  'a good token and a line break': `Bearer ${accessToken}\r\nx: y`,
  'control characters': 'Bearer \x01\x02\x7f',
  'letters of other scripts': 'Bearer пароль'
}

/** No Bearer token at all: the challenge names the scheme and no error (RFC 6750 §3.1). */
const NOT_SHOWN = {
  'no scheme': accessToken,
  'another scheme': `Token ${accessToken}`,
  'Basic with a token': `Basic ${Buffer.from(`x:${accessToken}`).toString('base64')}`,
  DPoP: `DPoP ${accessToken}`,
  'a scheme that begins alike': `Bearers ${accessToken}`,
  empty: ''
}

void t.test('garbage after Bearer: 401 invalid_token, and never a 5xx', async (t) => {
  for (const [name, authorization] of Object.entries(SHOWN)) {
    for (const url of DOORS) {
      const answer = await app.app.inject({ url, headers: { authorization } })
      t.equal(answer.statusCode, 401, `${name} at ${url}`)
      t.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"')
      t.equal(answer.headers['content-type'], 'application/problem+json')
      t.equal(answer.json().code, 'invalid_access_token')
      t.notOk(answer.body.includes(accessToken), 'and the token is not repeated')
    }
  }
})

void t.test('no Bearer token: 401 with a challenge that names no error', async (t) => {
  const cases = [['no header', undefined] as const, ...Object.entries(NOT_SHOWN)]
  for (const [name, authorization] of cases) {
    for (const url of DOORS) {
      const headers = authorization === undefined ? {} : { authorization }
      const answer = await app.app.inject({ url, headers })
      t.equal(answer.statusCode, 401, `${name} at ${url}`)
      t.equal(answer.headers['www-authenticate'], 'Bearer realm="latchkey"')
      t.equal(answer.headers['content-type'], 'application/problem+json')
      t.equal(answer.json().code, 'invalid_access_token')
    }
  }
})

void t.test('a good token, its scheme in any case and after some blanks: taken', async (t) => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'Bearer  ']) {
    const headers = { authorization: `${scheme} ${accessToken}` }
    t.equal((await app.app.inject({ url: '/auth/me', headers })).statusCode, 200, scheme)
  }
})

void t.test('a good token anywhere but in the header: not looked at', async (t) => {
  for (const url of DOORS) {
    for (const name of ['access_token', 'token', 'authorization', 'bearer']) {
      const inQuery = await app.app.inject({ url, query: { [name]: accessToken } })
      t.ok([401, 422].includes(inQuery.statusCode), `${name} in the query at ${url}`)
      t.notOk(inQuery.body.includes(accessToken))
    }
    const inForm = await app.app.inject({
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: `access_token=${accessToken}`
    })
    t.equal(inForm.statusCode, 401, `in a form at ${url}`)
    const inJson = await app.app.inject({ url, body: { access_token: accessToken } })
    t.equal(inJson.statusCode, 401, `in JSON at ${url}`)
    const inCookie = await app.app.inject({ url, cookies: { access_token: accessToken } })
    t.equal(inCookie.statusCode, 401, `in a cookie at ${url}`)
  }
})

void t.test(
  'odd bytes on a real socket: an answer of 4xx each time, and it lives on',
  async (t) => {
    await app.app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.app.server.address() as AddressInfo

    /** Sends these header lines, byte by byte as they are, and gives the status. */
    async function ask(...lines: string[]): Promise<number> {
      const socket = connect(port, '127.0.0.1')
      let answer = ''
      socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
      socket.write(
        Buffer.from(
          ['GET /auth/me HTTP/1.1', 'Host: localhost', 'Connection: close', ...lines, '', ''].join(
            '\r\n'
          ),
          'latin1'
        )
      )
      await once(socket, 'close')
      return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
    }

    const good = `Authorization: Bearer ${accessToken}`
    t.equal(await ask(good), 200)
    t.equal(await ask('Authorization: Bearer bad', good), 401, 'the first of two headers counts')
    t.equal(await ask(`${good}\0`), 400, 'NUL is no HTTP')
    t.equal(await ask('Authorization: Bearer \x01\x02'), 400, 'control characters are no HTTP')
    t.equal(await ask('Authorization: Bearer \xff\xfe'), 401, 'bytes above ASCII')
    t.equal(await ask('Authorization:'), 401)
    t.equal(await ask(`Authorization: Bearer ${'A'.repeat(10_000)}`), 401)
    t.equal(await ask(`Authorization: Bearer ${'A'.repeat(17_000)}`), 431, 'beyond 16 KiB')
    t.equal(await ask(`${good}\r\n x`), 400, 'no folded lines')
    t.equal(await ask(good), 200, 'and it lives on')
  }
)
