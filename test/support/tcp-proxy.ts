import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Teardown } from './database.ts'

type Pair = { near: Socket; far: Socket }

/** A wire between a client and the server behind `url`, to be cut or stalled. */
export async function startTcpProxy(t: Teardown, url: string) {
  const target = new URL(url)
  const pairs = new Set<Pair>()
  let isStalled = false
  let listener = await listen(0)
  const { port } = listener.address() as AddressInfo
  t.teardown(cut)

  async function listen(onPort: number): Promise<Server> {
    const server = createServer(join).listen(onPort, '127.0.0.1')
    await once(server, 'listening')
    return server
  }

  function join(near: Socket): void {
    const far = connect({ host: target.hostname, port: Number(target.port) })
    const pair = { near, far }
    pairs.add(pair)
    const end = () => {
      near.destroy()
      far.destroy()
      pairs.delete(pair)
    }
    for (const socket of [near, far]) socket.on('error', end).on('close', end)
    near.pipe(far)
    far.pipe(near)
    if (isStalled) hold(pair)
  }

  function hold({ near, far }: Pair): void {
    near.unpipe(far)
    far.unpipe(near)
    near.pause()
    far.pause()
  }

  /** Connections break, new ones are refused: what stands behind is gone. */
  async function cut(): Promise<void> {
    if (!listener.listening) return
    const closed = once(listener, 'close')
    listener.close()
    for (const { near } of pairs) near.destroy()
    await closed
  }

  /** Connections stay, new ones are accepted, and not a byte passes: what stands behind is frozen. */
  function stall(): void {
    isStalled = true
    pairs.forEach(hold)
  }

  /** The wire is whole again: what was held passes, and new connections too. */
  async function restore(): Promise<void> {
    isStalled = false
    for (const { near, far } of pairs) {
      near.pipe(far)
      far.pipe(near)
    }
    if (!listener.listening) listener = await listen(port)
  }

  /** The same for new connections only; those that were held stay silent for ever, as behind a dead router. */
  function restoreForNew(): void {
    isStalled = false
  }

  const through = Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) })
  return { url: through.href, cut, stall, restore, restoreForNew }
}

export type TcpProxy = Awaited<ReturnType<typeof startTcpProxy>>
