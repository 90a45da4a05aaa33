import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Teardown } from './database.ts'
import type { Certificate } from './tls-authority.ts'

export type Seen = {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

export type Answer = (response: ServerResponse, seen: Seen) => void

/** An https server on loopback that keeps what it was asked, and how often anybody connected. */
export async function startHttpsServer(t: Teardown, certificate: Certificate, answer: Answer) {
  const seen: Seen[] = []
  const sockets = new Set<Socket>()
  const state = { answer, connections: 0 }
  const server = createServer(certificate, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() }
      seen.push(one)
      state.answer(response, one)
    })
  })
  server.on('connection', (socket: Socket) => {
    state.connections += 1
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)))
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    seen,
    connections: () => state.connections,
    openSockets: () => sockets.size,
    become: (next: Answer) => (state.answer = next),
    /** Cuts whoever is connected. */
    cut: () => {
      for (const socket of sockets) socket.destroy()
    }
  }
}

export type HttpsServer = Awaited<ReturnType<typeof startHttpsServer>>
