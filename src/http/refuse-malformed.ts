import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const CLIENT_ERRORS: Record<string, [number, string, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'headers_too_large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'request_timeout']
}

/** Time to read the refusal in. Whoever does not close its side then, has it closed. */
const LINGER_MS = 2_000

/** What Node keeps of a connection: the answer that is under way on it. */
type Connection = Socket & { _httpMessage?: ServerResponse | null }

/** Those that are refused once an answer has left: each piece that still comes is as wrong as the first. */
const waiting = new WeakSet<Socket>()

/**
 * Refuses what comes before there is a request: too slow, too many header bytes, no HTTP. What was asked on the
 * connection before is answered first, or the refusal would be taken for that answer.
 * @param headers of every answer
 * @param onRefused told the status; of nobody who is gone
 */
export function refuseMalformed(
  error: Error & { code?: string },
  socket: Connection,
  headers: Record<string, string>,
  onRefused: (status: number) => void
): void {
  const { _httpMessage: answering } = socket
  const isAsked = answering?.req.complete === true
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
  } else if (!isAsked && answering?.headersSent === true) {
    // The rest of a body is wrong whose request is being answered: nothing more fits into that answer.
    socket.destroy()
  } else if (isAsked) {
    if (waiting.has(socket)) return
    waiting.add(socket)
    answering.once('finish', () => {
      waiting.delete(socket)
      if (socket.writable) refuseMalformed(error, socket, headers, onRefused)
    })
  } else {
    onRefused(refuse(error, socket, headers))
  }
}

/** @returns its status */
function refuse(
  error: Error & { code?: string },
  socket: Socket,
  shared: Record<string, string>
): number {
  const [status, title, code] = CLIENT_ERRORS[error.code ?? ''] ?? [
    400,
    'Bad Request',
    'invalid_request'
  ]
  const body = JSON.stringify({ type: 'about:blank', title, status, detail: `${title}.`, code })
  const headers = { ...shared, 'content-length': Buffer.byteLength(body), connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${lines.join('')}\r\n${body}`)
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
  return status
}
