import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Teardown } from './database.ts'

/** What becomes of an answer that the server has given. */
export type Fate = { kind: 'deliver'; afterMs: number } | { kind: 'lose'; afterMs: number }

/** A bad network between a browser and a server: requests arrive, `fateOf` decides about their answers. */
export async function startLossyProxy(
  t: Teardown,
  ports: { near: number; far: number },
  fateOf: (path: string) => Fate
) {
  const lost = { count: 0 }
  const server = createServer((incoming, outgoing) => {
    const { method, url: path = '/', headers } = incoming
    const onward = request({ port: ports.far, host: '127.0.0.1', method, path, headers })
    onward.on('response', (answer) => void pass(answer, outgoing, fateOf(path)))
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })

  async function pass(answer: IncomingMessage, outgoing: ServerResponse, fate: Fate) {
    const body = await answer.toArray()
    await delay(fate.afterMs)
    if (fate.kind === 'lose') {
      lost.count += 1
      outgoing.destroy()
      return
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    outgoing.end(Buffer.concat(body as Buffer[]))
  }

  server.listen(ports.near, 'localhost')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { lost }
}
