import { createGzip } from 'node:zlib'
import t, { type Test } from 'tap'
import { createOutbound, OutboundError, type OutboundRequest } from '../../src/platform/outbound.ts'
import { eventually } from '../support/eventually.ts'
import { startHttpsServer, type Answer } from '../support/https-server.ts'
import { timed } from '../support/timed.ts'
import { createTlsAuthority } from '../support/tls-authority.ts'

const authority = await createTlsAuthority()
const certificate = await authority.issue('hooks.test', '127.0.0.1')

const hello: Answer = (response) => response.end('hello')

/** A server on loopback that the guard is told to reach, and what the guard looks names up with. */
async function given(t: Test, answer: Answer = hello) {
  const server = await startHttpsServer(t, certificate, answer)
  const lookups: string[] = []
  const outbound = createOutbound({
    allowedHosts: [`hooks.test:${server.port}`, `other.test:${server.port}`],
    production: true,
    ca: authority.ca,
    resolve: (host) => {
      lookups.push(host)
      return Promise.resolve([{ address: '127.0.0.1', family: 4 }])
    }
  })
  const url = `https://hooks.test:${server.port}/in?token=query-secret`
  return { server, outbound, lookups, url }
}

async function failure(work: Promise<unknown>): Promise<OutboundError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown
  )
  if (error instanceof OutboundError) return error
  throw new Error(`expected an OutboundError, got ${String(error)}`)
}

void t.test(
  'a POST to a listed host with a private authority: sent as given, answered whole',
  async (t) => {
    const { server, outbound, lookups, url } = await given(t, (response) => {
      response.writeHead(202, { 'X-Kind': ['a', 'b'] }).end('thanks')
    })
    const headers = { 'content-type': 'application/json', 'accept-encoding': 'gzip' }
    const answer = await outbound({ url, method: 'POST', headers, body: '{"a":"ü"}' })
    t.match(answer, { status: 202, headers: { 'x-kind': 'a, b' } })
    t.equal(answer.body.toString(), 'thanks')
    t.match(server.seen, [
      {
        method: 'POST',
        url: '/in?token=query-secret',
        body: '{"a":"ü"}',
        headers: {
          host: `hooks.test:${server.port}`,
          'content-length': '10',
          'accept-encoding': 'identity',
          connection: 'close'
        }
      }
    ])
    t.strictSame(lookups, ['hooks.test'], 'looked up once: the connection went to what was checked')
    await eventually('closing', async () => Promise.resolve(server.openSockets() === 0))
  }
)

void t.test('two addresses, the first without a server: the second is asked', async (t) => {
  const { server, url } = await given(t)
  const outbound = createOutbound({
    allowedHosts: [`hooks.test:${server.port}`],
    production: true,
    ca: authority.ca,
    resolve: () =>
      Promise.resolve(['127.0.0.9', '127.0.0.1'].map((address) => ({ address, family: 4 })))
  })
  t.equal((await outbound({ url })).status, 200)
})

void t.test('a redirect, of any kind: an answer, not followed', async (t) => {
  for (const status of [301, 302, 303, 307, 308]) {
    const { server, outbound, url } = await given(t, (response) =>
      response.writeHead(status, { location: 'https://127.0.0.1/' }).end()
    )
    t.match(await outbound({ url }), { status, headers: { location: 'https://127.0.0.1/' } })
    t.equal(server.seen.length, 1)
  }
})

void t.test(
  'a name that was public when it was saved and is private now: not connected to',
  async (t) => {
    const server = await startHttpsServer(t, certificate, hello)
    const addresses = ['8.8.8.8', '127.0.0.1']
    const outbound = createOutbound({
      allowedHosts: [],
      production: true,
      ca: authority.ca,
      resolve: () => Promise.resolve([{ address: addresses.shift() ?? '', family: 4 }])
    })
    const url = 'https://rebind.test/'
    await outbound.check(url)
    t.equal((await failure(outbound({ url }))).reason, 'refused_address')
    t.equal(server.connections(), 0)
  }
)

void t.test(
  'a certificate for another name, or of an unknown authority: unreachable',
  async (t) => {
    const { server, outbound, url } = await given(t)
    const other = url.replace('hooks.test', 'other.test')
    t.equal((await failure(outbound({ url: other }))).reason, 'unreachable')
    const stranger = createOutbound({
      allowedHosts: [`hooks.test:${server.port}`],
      production: true,
      resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
    })
    t.equal((await failure(stranger({ url }))).reason, 'unreachable')
    t.strictSame(server.seen, [], 'nothing was sent')
  }
)

void t.test('an address as host, with a certificate for it: asked without a look-up', async (t) => {
  const { server } = await given(t)
  const host = `127.0.0.1:${server.port}`
  const outbound = createOutbound({
    allowedHosts: [host],
    production: true,
    ca: authority.ca,
    resolve: () => Promise.reject(new Error('nobody should ask'))
  })
  t.equal((await outbound({ url: `https://${host}/` })).status, 200)
})

const KIB = 1_024
const LARGE: Record<string, Answer> = {
  'declared too large': (response) =>
    response.writeHead(200, { 'content-length': 64 * KIB + 1 }).write('x'),
  'one byte too many, in chunks': (response) => {
    response.write('x'.repeat(64 * KIB))
    response.end('x')
  },
  'without end': (response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(KIB)));
    }
    response.on('drain', more)
    more()
  },
  'headers too large': (response) => response.writeHead(200, { 'x-a': 'a'.repeat(20 * KIB) }).end()
}
for (const [what, answer] of Object.entries(LARGE)) {
  void t.test(`an answer, ${what}: too_large, and the connection is cut`, async (t) => {
    const { server, outbound, url } = await given(t, answer)
    t.equal((await failure(outbound({ url }))).reason, 'too_large')
    await eventually('the cut', async () => Promise.resolve(server.openSockets() === 0))
  })
}

void t.test('an answer of exactly 64 KiB: whole', async (t) => {
  const { outbound, url } = await given(t, (response) => response.end('x'.repeat(64 * KIB)))
  t.equal((await outbound({ url })).body.length, 64 * KIB)
})

void t.test('an answer packed although nobody asked: never unpacked', async (t) => {
  const { outbound, url } = await given(t, (response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    const gzip = createGzip()
    gzip.pipe(response)
    gzip.end(Buffer.alloc(10 * KIB * KIB))
  })
  const { body } = await outbound({ url })
  t.ok(body.length < 64 * KIB, `${body.length} bytes of 10 MiB`)
})

void t.test('no whole answer, for whatever reason: unreachable', async (t) => {
  const answers: Record<string, Answer> = {
    'cut before': (response) => response.destroy(),
    'cut in the middle': (response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('x', () => response.destroy())
    },
    upgrade: (response) =>
      response.socket?.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    'not http': (response) => response.socket?.end('hello\r\n\r\n')
  }
  for (const [what, answer] of Object.entries(answers)) {
    const { outbound, url } = await given(t, answer)
    const { reason, message } = await failure(outbound({ url }))
    t.equal(reason, 'unreachable', what)
    t.match(message, /^hooks\.test: /)
    t.notMatch(message, /query-secret|\/in/, 'no path, no query')
  }
  const nobody = createOutbound({
    allowedHosts: [],
    production: true,
    resolve: () => Promise.reject(new Error('ENOTFOUND'))
  })
  t.equal((await failure(nobody({ url: 'https://no.test/' }))).reason, 'unreachable')
})

void t.test('an answer that does not end, wherever it hangs: timeout after 5 s', async (t) => {
  const drip = (write: () => void) => {
    const timer = setInterval(write, 200)
    t.teardown(() => {
      clearInterval(timer)
    })
  }
  const answers: Record<string, Answer> = {
    'no answer': () => undefined,
    'a header now and then': ({ socket }) => {
      socket?.write('HTTP/1.1 200 OK\r\n')
      drip(() => socket?.write('x: y\r\n'))
    },
    'a byte now and then': (response) => {
      drip(() => response.write('x'))
    },
    'hints for ever': (response) => {
      drip(() => {
        response.writeProcessing()
      })
    }
  }
  const asked = Object.entries(answers).map(async ([what, answer]) => {
    const { outbound, url, server } = await given(t, answer)
    const { result, tookMs } = await timed(() => failure(outbound({ url })))
    t.equal(result.reason, 'timeout', what)
    t.ok(tookMs >= 4_900 && tookMs < 6_500, `${what}: ${tookMs} ms`)
    await eventually('the cut', async () => Promise.resolve(server.openSockets() === 0))
  })
  const request: OutboundRequest = { url: 'https://frozen-dns.test/' }
  const frozen = createOutbound({
    allowedHosts: [],
    production: true,
    resolve: async () => new Promise(() => undefined)
  })
  asked.push(failure(frozen(request)).then(({ reason }) => void t.equal(reason, 'timeout', 'DNS')))
  await Promise.all(asked)
})
