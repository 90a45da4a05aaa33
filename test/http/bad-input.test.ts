import { randomInt } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import {
  operationsOf,
  sampleBody,
  sampleOf,
  typesOf,
  type FieldSchema,
  type Operation
} from '../support/operations.ts'
import { fieldsOf, isProblem } from '../support/problem.ts'

const CANARY = 'c4n4ry-7f3b'
const CANARY_NUMBER = 7_318_264_519
const BODY_LIMIT_BYTES = 64 * 1_024

const app = await startApp(t)
const { user, accessToken } = await givenSession(app)
await app.sql(`UPDATE users SET roles = '{admin,user}' WHERE id = $1`, [user.id])
const withBody = (await operationsOf(app)).filter(({ body }) => body !== null)

type Sent = { body?: unknown; payload?: string | Buffer; type?: string | null; encoding?: string }

/** Sends it from an address of its own, so that no limit per address answers instead. */
async function send({ method, url, needsToken }: Operation, sent: Sent) {
  const { body, payload = JSON.stringify(body), type = 'application/json', encoding } = sent
  const headers = {
    ...(type !== null && { 'content-type': type }),
    ...(encoding !== undefined && { 'content-encoding': encoding }),
    ...(needsToken && { authorization: `Bearer ${accessToken}` })
  }
  const remoteAddress = `198.51.${randomInt(256)}.${randomInt(1, 255)}`
  return app.app.inject({ method, url, headers, payload, remoteAddress })
}

/** What a refused request must leave as it was. */
async function state() {
  const [row] = await app.sql(
    `SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM registration) AS registrations,
            (SELECT count(*) FROM session WHERE revoked_at IS NULL) AS sessions,
            (SELECT count(*) FROM outbox_message) AS mails, (SELECT count(*) FROM audit_event) AS events`
  )
  return row
}

/** Runs a test for every operation with a body, and sees that nothing was written. */
function forEach(what: string, task: (t: Test, operation: Operation) => Promise<void>): void {
  for (const operation of withBody) {
    void t.test(`${operation.name}, ${what}`, async (t) => {
      const before = await state()
      await task(t, operation)
      t.same(await state(), before, 'and nothing has happened')
    })
  }
}

void t.test('the document, read: it has the routes that this file is about', (t) => {
  const names = withBody.map(({ name }) => name)
  t.ok(names.includes('POST /auth/login'))
  t.ok(names.includes('POST /auth/register'))
  t.end()
})

forEach('a body of more than 64 KiB: 413', async (t, operation) => {
  const payload = JSON.stringify('a'.repeat(BODY_LIMIT_BYTES - 1))
  isProblem(t, await send(operation, { payload }), 413, 'one byte too long')
  const full = JSON.stringify('a'.repeat(BODY_LIMIT_BYTES - 2))
  isProblem(t, await send(operation, { payload: full }), 422, 'exactly 64 KiB is read')
})

forEach('another Content-Type: 415', async (t, operation) => {
  const payload = JSON.stringify(sampleBody(operation.body!))
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'text/json',
    'nonsense',
    null
  ]) {
    isProblem(t, await send(operation, { payload, type }), 415, type ?? 'none')
  }
})

forEach('no JSON: 400', async (t, operation) => {
  for (const payload of [`{"${CANARY}"`, `{'a': 1}`, CANARY, '{}{}', '{"a":1,}', 'NaN', '\0']) {
    const answer = await send(operation, { payload })
    const { code } = isProblem(t, answer, 400, JSON.stringify(payload), CANARY)
    t.equal(code, 'invalid_request')
  }
  const zipped = gzipSync(JSON.stringify(sampleBody(operation.body!)))
  isProblem(t, await send(operation, { payload: zipped, encoding: 'gzip' }), 400, 'compressed')
})

forEach('JSON that is no object: 422', async (t, operation) => {
  for (const body of [[], [{}], CANARY, '', 5, true, null]) {
    if (body === null && operation.isBodyOptional) continue
    isProblem(t, await send(operation, { body }), 422, JSON.stringify(body), CANARY)
  }
  if (!operation.isBodyOptional) isProblem(t, await send(operation, { payload: '' }), 422, 'none')
})

/** Values of every JSON type, and what comes near to the right one. */
const VALUES: [string, unknown][] = [
  ['string', CANARY],
  ['string', '5'],
  ['string', 'true'],
  ['number', CANARY_NUMBER + 0.5],
  ['integer', CANARY_NUMBER],
  ['boolean', true],
  ['null', null],
  ['array', [CANARY]],
  ['array', []],
  ['object', { canary: CANARY }],
  ['object', { toString: CANARY }]
]

function wrongValues(schema: FieldSchema): unknown[] {
  const types = typesOf(schema)
  return VALUES.filter(([type]) => !types.has(type)).map(([, value]) => value)
}

forEach('a field of another type: 422, named, not coerced', async (t, operation) => {
  const { properties } = operation.body!
  for (const [field, schema] of Object.entries(properties)) {
    for (const value of wrongValues(schema)) {
      const body = { ...sampleBody(operation.body!), [field]: value }
      const answer = await send(operation, { body })
      const what = `${field}: ${JSON.stringify(value)}`
      t.ok(fieldsOf(isProblem(t, answer, 422, what, CANARY)).includes(field), `${what}: named`)
      t.notOk(answer.body.includes(String(CANARY_NUMBER)), `${what}: no number is repeated`)
    }
  }
})

forEach('a field beyond its bounds: 422, named, not repeated', async (t, operation) => {
  const { properties } = operation.body!
  for (const [field, schema] of Object.entries(properties)) {
    const { maxLength, pattern } = schema
    const limited = [schema, ...(schema.anyOf ?? [])].some(({ enum: choices }) => choices)
    const values = [
      ...(maxLength === undefined ? [] : [CANARY.padEnd(maxLength + 1, 'a')]),
      ...(pattern === undefined ? [] : [`${CANARY}\u0007`, `${CANARY}\0`, `${CANARY}\ud800`]),
      ...(limited ? [CANARY, ''] : [])
    ]
    for (const value of values) {
      const body = { ...sampleBody(operation.body!), [field]: value }
      const problem = isProblem(t, await send(operation, { body }), 422, field, CANARY)
      t.ok(fieldsOf(problem).includes(field), `${field} is named`)
    }
  }
})

forEach('a required field left out: 422, named', async (t, operation) => {
  for (const field of operation.body!.required ?? []) {
    const body = { ...sampleBody(operation.body!), [field]: undefined }
    t.strictSame(fieldsOf(isProblem(t, await send(operation, { body }), 422, field)), [field])
  }
})

forEach('a field nobody knows: 422, named where it reads like a name', async (t, operation) => {
  const named = ['role2', 'email_verified2', 'nam', 'toString', 'hasOwnProperty', 'constructor']
  const unnamed = ['', `${CANARY} `, `${CANARY}\n`, `<${CANARY}>`, CANARY.padEnd(41, 'a')]
  for (const field of [...named, ...unnamed, 'role', 'roles', 'user_id', 'status']) {
    const body = { ...sampleBody(operation.body!), [field]: CANARY }
    const what = JSON.stringify(field)
    const problem = isProblem(t, await send(operation, { body }), 422, what, CANARY)
    if (named.includes(field)) t.ok(fieldsOf(problem).includes(field), `${what}: named`)
  }
})

forEach('a prototype among the fields: 400, and no prototype changes', async (t, operation) => {
  const good = JSON.stringify(sampleBody(operation.body!)).slice(1)
  const end = good === '}' ? good : `,${good}`
  for (const start of [
    '{"__proto__":{"canary":true}',
    '{"\\u005f_proto__":{"canary":true}',
    '{"constructor":{"prototype":{"canary":true}}',
    '{"device":{"__proto__":{"canary":true}}'
  ]) {
    isProblem(t, await send(operation, { payload: start + end }), 400, start)
    t.notOk('canary' in {}, 'no object has it now')
  }
})

for (const operation of withBody) {
  void t.test(`${operation.name}, bytes that few expect: an answer, never a 5xx`, async (t) => {
    const body = sampleBody(operation.body!)
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`
    const entries = Object.entries(operation.body!.properties)
    const field = entries[0]?.[0] ?? 'a'
    const samples = entries.map(([name, schema]) => [name, sampleOf(name, schema)] as const)
    const payloads: (string | Buffer)[] = [
      deep,
      `{"${field}":${deep}}`,
      `{"a":`.repeat(10_000) + '1' + '}'.repeat(10_000),
      `\ufeff${JSON.stringify(body)}`,
      Buffer.from(`{"${field}":"\xff\xfe\xc0\x80"}`, 'latin1'),
      Buffer.from(JSON.stringify(body), 'utf16le'),
      `{"${field}":1e999}`,
      ...samples.flatMap(([name, value]) => [
        `{"${name}":5,${JSON.stringify({ ...body, [name]: value }).slice(1)}`,
        ...['\\u0000', '\\ud800', '\\udc00\\ud800', '\\uffff', '\\u202e'].map((odd) =>
          JSON.stringify({ ...body, [name]: `${String(value)}~odd~` }).replace('~odd~', odd)
        )
      ])
    ]
    for (const payload of payloads) {
      const answer = await send(operation, { payload })
      const what = payload.toString('latin1').slice(0, 80)
      if (answer.statusCode >= 400) isProblem(t, answer, answer.statusCode, what)
      t.ok(answer.statusCode < 500, `${what}: ${answer.statusCode}`)
    }
  })
}
