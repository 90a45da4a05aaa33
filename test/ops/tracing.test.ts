import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { freshEmail } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { attribute, startOtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts'
import { startRedis } from '../support/redis.ts'
import { startServer } from '../support/server.ts'

const PASSWORD = 'sparrow-lantern-42-quartz'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const CANARY = 'c4n4ry-on-the-way'

/** Packages of OpenTelemetry are CommonJS: whatever was loaded is in this cache. prom-client loads the API's. */
const TELL_LOADED = `process.on('exit', () => {
  const files = Object.keys(require.cache).filter((file) => /@opentelemetry.(?!api)/.test(file))
  process.stderr.write('loaded: ' + files.length + '\\n')
})`

async function startTraced(t: Test) {
  const receiver = await startOtlpReceiver(t)
  const server = await startServer(t, {
    DATABASE_URL: (await createTestDatabase(t)).url,
    REDIS_URL: (await startRedis(t)).url,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    DATA_DIR: t.testdir({}),
    EMAIL_VERIFICATION: 'optional',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: '100'
  })
  return { receiver, server }
}

function isBelow(span: ReceivedSpan, top: ReceivedSpan, all: ReceivedSpan[]): boolean {
  if (span.parentSpanId === top.spanId) return true
  const parent = all.find(({ spanId }) => spanId === span.parentSpanId)
  return parent !== undefined && isBelow(parent, top, all)
}

void t.test('a login, traced from outside: its span, and below it what it asked', async (t) => {
  const { receiver, server } = await startTraced(t)
  const email = freshEmail()
  await server.post('/auth/register', { email, password: PASSWORD })
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: `who=${CANARY}` }
  const login = await server.post('/auth/login', { email, password: PASSWORD }, headers)
  t.equal(login.status, 200)
  const ofTrace = () => receiver.spans().filter(({ traceId }) => traceId === TRACE)
  const request = await eventually('the span of the login', () =>
    Promise.resolve(ofTrace().find(({ name }) => name === 'POST /auth/login'))
  )
  t.equal(request.parentSpanId, PARENT, 'W3C trace context')
  t.equal(attribute(request, 'http.response.status_code'), '200')
  t.equal(attribute(request, 'latchkey.request_id'), login.headers.get('x-request-id'))
  const spans = ofTrace()
  for (const name of ['guess_lane_reserve', 'session_begin', 'redis EVAL']) {
    const span = spans.find((one) => one.name.split(' + ').includes(name))
    t.ok(span !== undefined && isBelow(span, request, spans), `${name} is below it`)
  }
  t.notOk(receiver.text().includes(CANARY), 'tracestate stays here')
  t.strictSame([...new Set(receiver.payloads.map(({ path }) => path))], ['/v1/traces'])
  t.notMatch(receiver.text(), /\$1|SELECT 1|latchkey:|WHERE/, 'no statement, no key')
})

void t.test(
  'a server, with and without a collector: OpenTelemetry is loaded with one only',
  async (t) => {
    const { url: databaseUrl } = await createTestDatabase(t)
    const receiver = await startOtlpReceiver(t)
    const folder = t.testdir({ 'told.cjs': TELL_LOADED })
    const loaded = async (env: Record<string, string>) => {
      const server = await startServer(t, {
        DATABASE_URL: databaseUrl,
        KEY_ENCRYPTION_KEY: 'ab'.repeat(32),
        DATA_DIR: folder,
        NODE_OPTIONS: `--require ${folder}/told.cjs`,
        ...env
      })
      t.equal(await server.kill('SIGTERM'), 0, 'and it ends well')
      return Number(/^loaded: (\d+)$/m.exec(server.output())?.[1])
    }
    t.equal(await loaded({}), 0)
    t.ok((await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })) > 10)
  }
)

void t.test(
  'a collector that is away: nobody notices, and the server still ends in time',
  async (t) => {
    const server = await startServer(t, {
      DATABASE_URL: (await createTestDatabase(t)).url,
      KEY_ENCRYPTION_KEY: 'ab'.repeat(32),
      DATA_DIR: t.testdir({}),
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1'
    })
    t.equal((await fetch(`${server.url}/.well-known/jwks.json`)).status, 200)
    t.equal(await server.kill('SIGTERM'), 0)
  }
)
