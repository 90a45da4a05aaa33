import { randomInt } from 'node:crypto'
import t from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { ISSUER, startApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { givenSession } from '../support/builders.ts'
import { operationsOf, sampleBody } from '../support/operations.ts'
import { routesOf } from '../support/routes.ts'

type Json = Record<string, unknown>
type DocumentedOperation = {
  summary?: string
  tags?: string[]
  parameters?: { name?: string; in?: string; required?: boolean; schema?: Json; $ref?: string }[]
  requestBody?: { content: Json }
  security?: Json[]
  responses: Record<string, { description?: string; content?: Json }>
}
type OpenApiDocument = {
  openapi: string
  info: { title: string; version: string; description?: string }
  servers: { url: string }[]
  components: { securitySchemes: Json; schemas: Json }
  paths: Record<string, Record<string, DocumentedOperation>>
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']
const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']

const app = await startApp(t)
const answer = await app.get('/openapi.json')
const document = answer.json<OpenApiDocument>()
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
)

/** Every object inside, with the JSON pointer that leads to it. */
function* objectsIn(value: unknown, pointer = '#'): Generator<[string, Json]> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield [pointer, value as Json]
  for (const [key, inner] of Object.entries(value)) {
    yield* objectsIn(inner, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)
  }
}

/** What a local JSON pointer leads to, or undefined. */
function resolve(pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((found, part) => (found as Json | undefined)?.[part], document)
}

void t.test('the document, asked for: OpenAPI 3.1 of this version on this issuer', (t) => {
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^application\/json/)
  t.match(document, {
    openapi: /^3\.1\.\d+$/,
    info: { title: 'Latchkey API', version: packageJson.version, description: /./ },
    servers: [{ url: ISSUER }]
  })
  t.ok(operations.length >= 10)
  t.end()
})

void t.test('every path and operation: as OpenAPI has them', (t) => {
  for (const { path, method, operation } of operations) {
    const name = `${method} ${path}`
    t.match(path, /^\/[^?#\s]*$/, name)
    t.ok(METHODS.includes(method), name)
    t.match(operation, { summary: /^[A-Z]/, tags: [/./] }, `${name} says what it is for`)
    for (const scheme of (operation.security ?? []).flatMap((way) => Object.keys(way))) {
      t.ok(scheme in document.components.securitySchemes, `${name}: ${scheme} is declared`)
    }
    const parameters = operation.parameters ?? []
    for (const { name: parameter, in: place, schema } of parameters) {
      t.ok(parameter !== undefined && schema !== undefined, name)
      t.match(place, /^(query|path|header|cookie)$/, name)
    }
    const inPath = parameters.filter(({ in: place }) => place === 'path')
    t.same(
      inPath.map(({ name: parameter }) => parameter).sort(),
      Array.from(path.matchAll(/\{(\w+)\}/g), ([, parameter]) => parameter).sort(),
      `${name}: the parameters of its path`
    )
    t.ok(
      inPath.every(({ required }) => required === true),
      name
    )
    t.notOk(method === 'get' && operation.requestBody !== undefined, `${name}: GET has no body`)
  }
  t.end()
})

void t.test('every answer: described, and every refusal is a problem', (t) => {
  for (const { path, method, operation } of operations) {
    const statuses = Object.keys(operation.responses)
    t.ok(
      statuses.some((status) => /^[23]/.test(status)),
      `${method} ${path} can succeed`
    )
    for (const [status, response] of Object.entries(operation.responses)) {
      t.match(status, /^([1-5]\d\d|default)$/)
      t.match(response.description, /./, `${method} ${path} ${status}`)
      if (Number(status) < 400 || path === '/health' || path === '/readyz') continue
      t.strictSame(response.content, refusalOf(path), `${method} ${path} ${status}`)
    }
  }
  t.end()
})

/** People see a page, OAuth clients RFC 6749 errors, everybody else a problem. */
function refusalOf(path: string): unknown {
  if (path === '/oauth/authorize' || path === '/oauth/logout')
    return { 'text/html': { schema: { type: 'string' } } }
  if (path.startsWith('/oauth/')) {
    return { 'application/json': { schema: { $ref: '#/components/schemas/OAuthError' } } }
  }
  return { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
}

void t.test('every schema: JSON Schema 2020-12, and every reference leads somewhere', (t) => {
  let references = 0
  for (const [pointer, object] of objectsIn(document)) {
    const isProperties = /\/properties$/.test(pointer)
    const { $ref, type, required, properties, pattern, nullable } = object
    if (typeof $ref === 'string') {
      references += 1
      t.match($ref, /^#\//, `${pointer} stays in the document`)
      t.type(resolve($ref), 'object', `${pointer} → ${$ref}`)
    }
    if (isProperties || pointer.includes('securitySchemes')) continue
    if (type !== undefined)
      t.ok(
        [type].flat().every((one) => TYPES.includes(one as string)),
        pointer
      )
    t.equal(nullable, undefined, `${pointer}: 3.1 says null by type`)
    if (typeof pattern === 'string') t.doesNotThrow(() => new RegExp(pattern, 'u'), pointer)
    for (const field of Array.isArray(required) ? (required as string[]) : []) {
      t.ok(field in (properties as Json), `${pointer}: ${field} is required and there`)
    }
  }
  t.ok(references > 20)
  t.end()
})

void t.test('every body of our own API: closed, so that a typing error is told', (t) => {
  const own = operations.filter(({ path }) => !path.startsWith('/oauth/'))
  const bodies = own.flatMap(({ operation }) => Object.values(operation.requestBody?.content ?? {}))
  t.ok(bodies.length >= 5)
  for (const [pointer, { type, additionalProperties }] of objectsIn(bodies)) {
    if (type === 'object') t.equal(additionalProperties, false, pointer)
  }
  t.end()
})

void t.test('the routes of the app: all in the document, but for the hidden ones', (t) => {
  const hidden =
    /^\/$|^\/(docs|dev|assets)\b|^\/(error|login|register(\/mail)?|logout|account(\/.*)?|consent|device(\/decide)?|oauth\/authorize\/resume|oauth\/logout\/confirm|verify-email|forgot-password|reset-password|undo-email-change)$|^\/openapi\.json$|^\*$/
  const routes = routesOf(app).filter(({ url }) => !hidden.test(url))
  const built = routes
    .filter(({ method }) => method !== 'HEAD')
    .map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
  const told = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`)
  t.strictSame(built.sort(), told.sort())
  t.end()
})

void t.test('statuses that routes answer with: declared', async (t) => {
  const { accessToken } = await givenSession(app)
  const { wire, app: cutOff } = await startBehindWire(t, app)
  await wire.cut()
  for (const { method, url, name, statuses, needsToken, body } of await operationsOf(app)) {
    const token = { authorization: `Bearer ${accessToken}` }
    const json = { 'content-type': 'application/json', ...(needsToken && token) }
    const good = JSON.stringify(body === null ? {} : sampleBody(body))
    const read = method === 'GET'
    const requests = [
      { headers: {} },
      { headers: token },
      ...(read ? [{ headers: token, url: `${url}?canary=1` }] : []),
      ...(read
        ? []
        : ['{', '[]', '{"canary":1}', good, `"${'a'.repeat(70_000)}"`].map((payload) => ({
            headers: json,
            payload
          }))),
      ...(read ? [] : [{ headers: { ...json, 'content-type': 'text/plain' }, payload: 'canary' }])
    ]
    for (const request of requests) {
      const remoteAddress = `203.0.113.${randomInt(1, 255)}`
      for (const server of [app.app, cutOff]) {
        const { statusCode } = await server.inject({ method, url, remoteAddress, ...request })
        t.ok(statuses.includes(statusCode), `${name} answers ${statusCode}, and says so`)
      }
    }
  }
})

void t.test('/docs, opened: a page whose assets come from itself', async (t) => {
  for (const url of ['/docs', '/docs/']) {
    const page = await app.app.inject(url)
    t.equal(page.statusCode, 200)
    t.match(page.headers['content-type'], /^text\/html/)
    const assets = Array.from(page.body.matchAll(/(?:src|href)="([^"]+)"/g), ([, asset]) => asset!)
    t.ok(
      assets.some((asset) => asset.endsWith('.css')) &&
        assets.some((asset) => asset.endsWith('.js'))
    )
    for (const asset of assets) {
      const { origin, pathname } = new URL(asset, `${ISSUER}${url}`)
      t.equal(origin, ISSUER, asset)
      const { statusCode, headers } = await app.app.inject(pathname)
      t.equal(statusCode, 200, `${url}: ${pathname}`)
      const type = pathname.endsWith('.js') ? /javascript/ : /css|image/
      t.match(headers['content-type'], type, pathname)
    }
  }
})

void t.test('/docs, at work: reads this very document', async (t) => {
  const script = (await app.app.inject('/docs/static/swagger-initializer.js')).body
  t.match(script, /\burl: resolveUrl\('\.\/json'\)/)
  t.match(script, /validatorUrl: null/, 'and sends it to nobody for a check')
  t.same((await app.app.inject('/docs/json')).json(), document)
})
