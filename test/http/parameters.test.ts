import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { operationsOf, sampleBody, type Operation } from '../support/operations.ts'
import { isProblem } from '../support/problem.ts'
import { listen } from '../support/raw-http.ts'
import { rawRequests, type RawSent } from '../support/spellings.ts'
import { givenAdmin } from './calls/world.ts'

const CANARY = 'c4n4ry-7f3b'

const app = await startApp(t)
const operations = await operationsOf(app)
const { accessToken, user } = await givenAdmin(app)
const raw = rawRequests(await listen(app))

const queriesOf = ({ parameters }: Operation) => parameters.filter((one) => one.in === 'query')
const withQuery = operations.filter((operation) => queriesOf(operation).length > 0)
const withId = operations.filter(({ path }) => path.includes('{id}'))

/** By an administrator, over a socket, so that every byte arrives as it is. */
async function send({ method, body }: Operation, target: string, { headers = {} }: RawSent = {}) {
  const json: Record<string, string> = body === null ? {} : { 'content-type': 'application/json' }
  return raw(method, target, {
    headers: { authorization: `Bearer ${accessToken}`, ...json, ...headers },
    body: body === null ? '' : JSON.stringify(sampleBody(body))
  })
}

/** Refused as a problem, with one of these statuses, and nothing that was sent is repeated. */
async function refused(t: Test, operation: Operation, target: string, statuses: number[]) {
  const answer = await send(operation, target)
  const what = `${operation.method} ${target.slice(0, 120)}`
  t.ok(statuses.includes(answer.statusCode), `${what}: ${answer.statusCode}`)
  isProblem(t, answer, answer.statusCode, what, CANARY)
}

void t.test('the document, read: it has the parameters that this file is about', (t) => {
  t.ok(withQuery.some(({ name }) => name === 'GET /admin/users'))
  t.ok(withId.some(({ name }) => name === 'DELETE /users/sessions/{id}'))
  t.end()
})

/** What no parameter of ours can be, as it stands in a URL. */
const BAD_VALUES = [
  'a'.repeat(2_000),
  `${CANARY}%00`,
  '%00',
  '%0d%0aset-cookie:a=b',
  `${CANARY}%ef%bf%bf`,
  '%e2%80%ae',
  "'%20OR%201=1--",
  '$%7bcanary%7d',
  '../../etc/passwd'
]

for (const operation of withQuery) {
  const { name, url } = operation
  const names = queriesOf(operation).map((parameter) => parameter.name)

  void t.test(`${name}, a query with wrong values: 422, or nobody is found`, async (t) => {
    for (const { name: field, schema } of queriesOf(operation)) {
      // What has no pattern is looked up, and finds nothing.
      const isText = schema.pattern === undefined && !('format' in schema) && !schema.anyOf
      for (const value of isText ? BAD_VALUES.slice(0, 1) : [...BAD_VALUES, '', '%7b%7d', '1,5']) {
        await refused(t, operation, `${url}?${field}=${value}`, [422])
      }
      for (const value of isText ? BAD_VALUES.slice(1) : []) {
        const { statusCode, body } = await send(operation, `${url}?${field}=${value}`)
        t.ok([200, 401, 422].includes(statusCode), `${field}=${value}: ${statusCode}`)
        t.notOk(body.includes(CANARY) || body.includes(user.email), 'and tells nothing')
      }
    }
  })

  void t.test(`${name}, a parameter twice or as an object: 422`, async (t) => {
    for (const field of names) {
      for (const query of [
        `${field}=1&${field}=2`,
        `${field}=&${field}=`,
        `${field}[]=1`,
        `${field}[a]=1`,
        `${field}.a=1`,
        `${field}%00=1`
      ]) {
        await refused(t, operation, `${url}?${query}`, [422])
      }
    }
  })

  void t.test(`${name}, a parameter that nobody knows: 422`, async (t) => {
    for (const query of [
      `${CANARY}%20=1`,
      `${CANARY.padEnd(41, 'a')}=1`,
      '__proto__=1',
      '__proto__[a]=1',
      'constructor=1',
      'constructor[prototype][a]=1',
      'toString=1',
      'access_token=1',
      '=1',
      'LIMIT=1',
      `%3c${CANARY}`,
      'a'.repeat(4_000)
    ]) {
      await refused(t, operation, `${url}?${query}`, [422])
    }
    t.notOk('a' in {}, 'and no prototype has changed')
  })

  void t.test(`${name}, percent signs that encode nothing: an answer, never a 5xx`, async (t) => {
    for (const query of ['%', '%zz', '%ff', '%c0%ae', '%u0041', '&&&', '=', '?', ';', '#a']) {
      const { statusCode } = await send(operation, `${url}?${query}`)
      t.ok([200, 400, 401, 422].includes(statusCode), `${query}: ${statusCode}`)
    }
  })
}

void t.test('operations without a query, given one: as without it', async (t) => {
  const reads = operations.filter(
    (operation) => operation.method === 'GET' && queriesOf(operation).length === 0
  )
  t.ok(reads.length >= 5)
  for (const { name, url } of reads) {
    const headers = { authorization: `Bearer ${accessToken}` }
    const without = await app.app.inject({ url, headers })
    for (const query of [`user_id=${randomUUID()}`, '__proto__=1', 'a=1&a=2', '%00', '%zz', '%']) {
      const answer = await app.app.inject({ url: `${url}?${query}`, headers })
      t.equal(answer.statusCode, without.statusCode, `${name}?${query}`)
    }
  }
})

/** Ids that are none. A longer one than the router reads, or one that cannot be decoded, is a 400. */
const BAD_IDS = [
  'no-id',
  '1',
  '-1',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  '%00',
  '%20',
  "'%20OR%201=1--",
  '%2e%2e',
  '%2e%2e%2f%2e%2e',
  '%7b00000000-0000-7000-8000-000000000000%7d',
  'urn:uuid:00000000-0000-7000-8000-00000000000g',
  '00000000-0000-7000-8000-00000000000',
  '00000000-0000-7000-8000-000000000000%00',
  '00000000-0000-7000-8000-000000000000%0a',
  '00000000000070008000000000000000',
  '%ff',
  '%zz',
  'a'.repeat(3_000),
  CANARY
]

for (const operation of withId) {
  void t.test(`${operation.name}, an id that is none: 400, 404 or 422`, async (t) => {
    for (const id of BAD_IDS) {
      await refused(t, operation, operation.path.replaceAll('{id}', id), [400, 404, 422])
    }
    const [upper, unknown] = [randomUUID().toUpperCase(), randomUUID()]
    for (const id of [upper, unknown, '00000000-0000-0000-0000-000000000000']) {
      await refused(t, operation, operation.path.replaceAll('{id}', id), [404, 422])
    }
  })
}

void t.test('a cursor of somebody or something else: a page, and never a row twice', async (t) => {
  await givenSession(app)
  const page = async (path: string) => (await app.get(path, accessToken)).json()
  const { users, next_cursor: first } = await page('/admin/users?limit=1')
  const { events } = await page('/admin/audit-logs?limit=1')
  t.ok(first)
  for (const cursor of [events[0].id, randomUUID(), users[0].id, first]) {
    for (const list of ['/admin/users', '/admin/audit-logs']) {
      const answer = await app.get(`${list}?limit=2&cursor=${cursor as string}`, accessToken)
      t.equal(answer.statusCode, 200, `${list} after ${cursor as string}`)
      const rows = (answer.json().users ?? answer.json().events) as { id: string }[]
      t.ok(
        rows.every(({ id }) => id < cursor),
        'older ones only'
      )
    }
  }
})

/** Headers that a client, a proxy or a thief might send, and what must come of them: no 5xx, nothing repeated. */
const HEADERS: Record<string, string>[] = [
  { authorization: 'Bearer' },
  { authorization: `Bearer ${CANARY} ${CANARY}` },
  { authorization: `Bearer ${'a'.repeat(8_000)}` },
  { authorization: `bEaReR ${CANARY}` },
  { cookie: `latchkey-refresh=${CANARY}; latchkey-refresh=${CANARY}; ;=;` },
  { cookie: `latchkey-refresh=%zz; latchkey-device="${CANARY}` },
  { cookie: 'a='.repeat(4_000) },
  { 'accept-encoding': 'nonsense, *;q=0' },
  { accept: 'application/xml' },
  { 'if-none-match': `"${CANARY}"` },
  { range: 'bytes=0-1' },
  { expect: 'nonsense' },
  { 'user-agent': `${CANARY}\u00ff\u0001`.slice(0, 12) },
  { 'x-request-id': CANARY },
  { origin: 'null', 'sec-fetch-site': CANARY },
  { 'content-length': '-1' },
  { 'transfer-encoding': 'chunked, chunked' }
]

void t.test('headers that few expect, at every operation: an answer, never a 5xx', async (t) => {
  const isMetrics = ({ path }: Operation) => path === '/metrics'
  for (const operation of operations.filter((one) => !isMetrics(one))) {
    for (const headers of HEADERS) {
      const anonymous = { authorization: '', ...headers }
      const { statusCode, body } = await send(operation, operation.url, { headers: anonymous })
      const what = `${operation.name} ${JSON.stringify(headers).slice(0, 60)}`
      t.ok(statusCode >= 200 && statusCode < 500, `${what}: ${statusCode}`)
      t.notOk(body.includes(CANARY), `${what}: repeats nothing`)
    }
  }
})
