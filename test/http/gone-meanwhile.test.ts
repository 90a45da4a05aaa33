import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenAdmin } from '../support/oauth.ts'
import { givenSession, refresh } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { exchange, listen } from '../support/raw-http.ts'
import { sessionRow } from '../support/session-rows.ts'

const app = await startApp(t)
const port = await listen(app)

/** Whose connection breaks once all that they sent has been read. */
let isGone = false
subscribe('tracing:fastify.request.handler:start', (message) => {
  const { request } = message as { request: { raw: { socket: Socket } } }
  if (isGone) request.raw.socket.destroy()
})

void t.test(
  'a stolen token, by somebody who goes at once: the session ends, and the trail says who',
  async (t) => {
    const { refreshToken: stolen, sessionId } = await givenSession(app)
    let current = stolen
    for (let n = 0; n < 2; n += 1) current = (await refresh(app, current)).json().refresh_token
    const body = JSON.stringify({ refresh_token: stolen })
    isGone = true
    // An Origin: through the lifecycle.
    const head =
      'POST /auth/refresh-token HTTP/1.1\r\nhost: a\r\norigin: https://a.example\r\ncontent-type: application/json'
    const { statusCode } = await exchange(
      port,
      `${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    )
    isGone = false
    t.equal(statusCode, 0, 'there is nobody to answer')
    await eventually('its end', async () => (await sessionRow(app, sessionId)).revoked_at)
    t.equal((await sessionRow(app, sessionId)).revoke_reason, 'refresh_token_reuse')
    t.equal((await refresh(app, current)).statusCode, 401)
    const trail = await app.get(
      '/admin/audit-logs?type=session.reuse_detected',
      await givenAdmin(app)
    )
    t.match(trail.json().events, [{ address: '127.0.0.1' }])
  }
)

/** Sends a request and breaks the connection, and says when it has. */
const GOING = `
  const { connect } = require('node:net')
  const { port, gone } = require('node:worker_threads').workerData
  const socket = connect(port, '127.0.0.1', () => {
    socket.write('GET /livez HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n', () => socket.resetAndDestroy())
  })
  socket.on('close', () => {
    Atomics.store(gone, 0, 1)
    Atomics.notify(gone, 0)
  })`

void t.test('somebody who has gone before they are let in: nothing is done for them', async (t) => {
  const addresses: (string | undefined)[] = []
  app.app.server.on('request', ({ socket }) => addresses.push(socket.remoteAddress))
  const accepted = once(app.app.server, 'connection')
  const gone = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(GOING, { eval: true, workerData: { port, gone } })
  // This thread, which would let them in, does nothing meanwhile.
  Atomics.wait(gone, 0, 0, 10_000)
  const [socket] = (await accepted) as [Socket]
  t.equal(socket.remoteAddress, undefined)
  if (!socket.closed) await once(socket, 'close')
  t.strictSame(addresses, [])
  await worker.terminate()
})
