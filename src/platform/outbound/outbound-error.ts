export type OutboundReason =
  'refused_url' | 'refused_address' | 'unreachable' | 'timeout' | 'too_large'

/** No answer came from outside, or none was asked for. The message names the host, never path, query or body. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  readonly reason: OutboundReason

  constructor(reason: OutboundReason, host: string, detail: string, cause?: unknown) {
    super(`${host}: ${detail}`, { cause })
    this.reason = reason
  }
}
