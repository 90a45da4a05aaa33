import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Teardown } from '../database.ts'

/** What a request has to contain for its answer to be taken, and how the thief leaves. */
export type Theft = {
  of: string
  /** `reset`: the connection breaks. `silence`: it stays, and nothing ever comes through it again. */
  leaves: 'reset' | 'silence'
}

/**
 * A wire that can lose exactly one answer: the request arrives, is carried out, and whoever asked never
 * hears of it. Everything else passes.
 */
export async function startAnswerThief(t: Teardown, url: string) {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let waiting: (Theft & { stolen: () => void }) | null = null

  const server = createServer((near) => {
    const far = connect({ host: target.hostname, port: Number(target.port) })
    let theft: typeof waiting = null
    const end = () => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', end).on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    near.on('data', (chunk: Buffer) => {
      if (waiting !== null && chunk.includes(waiting.of)) {
        theft = waiting
        waiting = null
      }
      far.write(chunk)
    })
    far.on('data', (chunk: Buffer) => {
      if (theft === null) near.write(chunk)
      else {
        theft.stolen()
        if (theft.leaves === 'reset') end()
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  })

  /** Takes the answer to the next request that contains `theft.of`. Resolves once it has. */
  function steal(theft: Theft): Promise<void> {
    return new Promise((stolen) => {
      waiting = { ...theft, stolen }
    })
  }

  const port = String((server.address() as AddressInfo).port)
  const through = Object.assign(new URL(url), { hostname: '127.0.0.1', port })
  return { url: through.href, origin: through.origin, steal }
}

export type AnswerThief = Awaited<ReturnType<typeof startAnswerThief>>
