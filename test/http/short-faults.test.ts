import t from 'tap'
import { startApp } from '../support/app.ts'
import { exchange, listen } from '../support/raw-http.ts'

const app = await startApp(t)
const port = await listen(app)
const { log } = app.app
const told: { err: unknown; reqId?: string }[] = []
Object.assign(log, { error: (line: (typeof told)[number]) => told.push(line) })

const headers = { 'content-type': 'text/plain' }
const good = { headers, body: 'good' }
/** No header may hold these. */
const BAD = {
  'of its head': { headers: { 'x-name': 'a\nb' }, body: '' },
  'of its location': { headers, body: '', location: 'https://a.example/\u{1f511}' }
}
for (const [name, bad] of Object.entries(BAD)) {
  void t.test(
    `an answer that cannot be made because ${name}: told, connection closed`,
    async (t) => {
      const ways = {
        'at once': () => bad,
        later: () => Promise.resolve(bad)
      }
      for (const [when, find] of Object.entries(ways)) {
        app.app.answerShortly('/short', 'nothing', find)
        app.app.answerShortly('/form', 'form', find)
        for (const request of [
          'GET /short HTTP/1.1\r\nhost: a\r\n\r\n',
          'POST /form HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\n' +
            'content-length: 3\r\n\r\na=b'
        ]) {
          told.length = 0
          const answer = await exchange(port, request)
          t.equal(answer.statusCode, 0, `${when}: no answer`)
          t.equal(told.length, 1, when)
          t.match(told[0], { err: Error, reqId: /^[0-9a-f-]{36}$/ }, when)
        }
      }
      app.app.answerShortly('/short', 'nothing', () => Promise.resolve(good))
      const next = 'GET /short HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'
      t.equal((await exchange(port, next)).body, 'good', 'the server goes on')
    }
  )
}

void t.test('an answer that cannot be sent: told, its connection closed', async (t) => {
  app.app.answerShortly('/short', 'nothing', () => good)
  const ask = 'GET /short HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'
  told.length = 0
  app.app.server.prependOnceListener('request', (_request, response) => {
    response.end = () => {
      throw new Error('no')
    }
  })
  t.equal((await exchange(port, ask)).statusCode, 0)
  t.match(told, [{ err: { message: 'no' } }])
  t.equal((await exchange(port, ask)).body, 'good', 'the server goes on')
})
