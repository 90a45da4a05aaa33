import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Teardown } from './database.ts'

/** What the sink does with a message. */
export type SinkMode =
  | 'accept'
  /** Connections open and no command is ever answered. */
  | 'stall'
  /** It keeps the message, and the answer never arrives. */
  | 'drop-answer'
  /** It keeps the message, and answers neither that nor anything after it. */
  | 'hold-answer'
  /** Every recipient (or what `at` says) is refused with this answer; `ADDRESS` becomes the recipient. */
  | { refuse: string; at?: 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' }

export type SinkMessage = { from: string; to: string[]; raw: string; messageId: string }

export type SmtpSink = Awaited<ReturnType<typeof startSmtpSink>>

/** A mail server of the test's own (RFC 5321, as much as a sender needs), and what can go wrong with one. */
export async function startSmtpSink(t: Teardown, mode: SinkMode = 'accept') {
  const messages: SinkMessage[] = []
  const sockets = new Set<Socket>()
  const state = { mode, connections: 0 }
  let server = await listen(0)
  const { port } = server.address() as AddressInfo

  async function listen(wanted: number): Promise<Server> {
    const opened = createServer((socket) => {
      state.connections += 1
      sockets.add(socket.on('close', () => sockets.delete(socket)))
      converse(socket, state, messages)
    }).listen(wanted, '127.0.0.1')
    await once(opened, 'listening')
    return opened
  }

  /** Connections are refused from here on. */
  async function down(): Promise<void> {
    if (!server.listening) return
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  }
  t.teardown(down)

  /** The same port again. */
  async function up(): Promise<void> {
    server = await listen(port)
  }

  return {
    url: `smtp://127.0.0.1:${port}`,
    messages,
    connections: () => state.connections,
    become: (next: SinkMode) => (state.mode = next),
    down,
    up,
    /** Cuts whoever is connected. */
    restart: async () => {
      await down()
      await up()
    },
    to: (address: string) => messages.filter((message) => message.to.includes(address))
  }
}

function converse(socket: Socket, state: { mode: SinkMode }, messages: SinkMessage[]): void {
  const say = (line: string) => socket.write(`${line}\r\n`)
  let message = { from: '', to: [] as string[] }
  let buffer = ''
  let inData = false
  socket.setEncoding('utf8')
  socket.on('error', () => undefined)
  if (state.mode !== 'stall') say('220 sink ESMTP')

  socket.on('data', (chunk: string) => {
    buffer += chunk
    for (;;) {
      const end = buffer.indexOf(inData ? '\r\n.\r\n' : '\r\n')
      if (end < 0 || state.mode === 'stall') return
      const text = buffer.slice(0, end)
      buffer = buffer.slice(end + (inData ? 5 : 2))
      if (inData) finish(text)
      else command(text)
    }
  })

  function command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase()
    const address = /<(.*?)>/.exec(line)?.[1] ?? ''
    const { mode } = state
    const refusal = typeof mode === 'object' && (mode.at ?? 'RCPT') === verb ? mode.refuse : null
    if (refusal !== null) say(refusal.replace('ADDRESS', address))
    else if (verb === 'EHLO') say('250-sink\r\n250-AUTH PLAIN\r\n250-8BITMIME\r\n250 SMTPUTF8')
    else if (verb === 'MAIL') {
      message = { from: address, to: [] }
      say('250 OK')
    } else if (verb === 'RCPT') {
      message.to.push(address)
      say('250 OK')
    } else if (verb === 'DATA') {
      inData = true
      say('354 go on')
    } else if (verb === 'QUIT') socket.end('221 bye\r\n')
    else say('250 OK')
  }

  function finish(stuffed: string): void {
    inData = false
    const raw = stuffed.replaceAll(/^\.\./gm, '.')
    const messageId = /^Message-ID: (<.*>)\r?$/im.exec(raw)?.[1] ?? ''
    messages.push({ ...message, raw, messageId })
    if (state.mode === 'drop-answer') socket.destroy()
    else if (state.mode !== 'hold-answer') say('250 kept')
  }
}

/** The token of the link in a mail's text part. */
export function linkOf(message: SinkMessage): string {
  return found(/token=([\w-]{43})/, message)
}

/** The typed code in a mail's text part. */
export function typedCodeOf(message: SinkMessage): string {
  return found(/^ {4}(\w{4}-\w{4})\r?$/m, message)
}

function found(pattern: RegExp, { raw }: SinkMessage): string {
  const text = raw.replaceAll(/=\r\n/g, '').replaceAll('=3D', '=')
  const value = pattern.exec(text)?.[1]
  if (value === undefined) throw new Error(`This mail has no ${String(pattern)}.`)
  return value
}
