import type { OutboundRequest, OutboundResponse } from './outbound/exchange.ts'
import { OutboundError } from './outbound/outbound-error.ts'
import { resolveByDns, resolveBySystem, type Resolve } from './outbound/resolve.ts'
import { checkedAddresses, createTargetRule, type TargetRules } from './outbound/target.ts'

export type { OutboundRequest, OutboundResponse } from './outbound/exchange.ts'
export { OutboundError, type OutboundReason } from './outbound/outbound-error.ts'

/** @throws {OutboundError} when no answer came; any HTTP status, 3xx included, is an answer */
export type Outbound = (request: OutboundRequest) => Promise<OutboundResponse>

export type OutboundGuard = Outbound & {
  /**
   * Whether a URL would be asked just now, without asking it.
   * @throws {OutboundError} `refused_url`, `refused_address`, `unreachable` (no such name), `timeout`
   */
  check: (url: string) => Promise<void>
}

export type OutboundOptions = TargetRules & {
  /** PEM certificates of private authorities: listed hosts may present what they have signed. */
  ca?: string | undefined
  /** Instead of DNS. */
  resolve?: Resolve
}

const TOTAL_MS = 5_000

/**
 * The only way out to what others name: webhooks, key sets, client metadata, look-ups. It asks https on
 * port 443 of public addresses, connects to the addresses that it checked, follows no redirect, reads
 * 64 KiB at most, and gives up after 5 s, DNS included. `allowedHosts` are the exceptions: any port and
 * address, certificates of `ca`, and outside production plain http to loopback.
 */
export function createOutbound(options: OutboundOptions): OutboundGuard {
  const { ca, resolve } = options
  const targetOf = createTargetRule(options)
  // An import would read every certificate that Node brings, wanted or not.
  const standardCas = () => process.getBuiltinModule('node:tls').getCACertificates('default')
  const listedCa = ca === undefined ? undefined : [...standardCas(), ca]

  async function within<T>(host: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController()
    const expired = new Promise<never>((_, reject) => {
      limit.signal.addEventListener('abort', () => {
        reject(limit.signal.reason as OutboundError)
      })
    })
    const timer = setTimeout(() => {
      limit.abort(new OutboundError('timeout', host, `no answer within ${TOTAL_MS} ms`))
    }, TOTAL_MS)
    try {
      return await Promise.race([work(limit.signal), expired])
    } finally {
      clearTimeout(timer)
    }
  }

  /** The names that the operator has listed are few and trusted; whatever others name goes to DNS. */
  const resolverFor = (isListed: boolean) => resolve ?? (isListed ? resolveBySystem : resolveByDns)

  async function ask(request: OutboundRequest): Promise<OutboundResponse> {
    const target = targetOf(request.url)
    return within(target.host, async (signal) => {
      const addresses = await checkedAddresses(target, resolverFor(target.isListed), signal)
      signal.throwIfAborted()
      const trusted = target.isListed ? listedCa : undefined
      // With the first request: Node's clients for HTTP and TLS bring much that a server does without.
      const { exchange } = await import('./outbound/exchange.ts')
      return exchange({ target, request, addresses, signal, ca: trusted })
    })
  }

  async function check(url: string): Promise<void> {
    const target = targetOf(url)
    await within(target.host, async (signal) =>
      checkedAddresses(target, resolverFor(target.isListed), signal)
    )
  }

  return Object.assign(ask, { check })
}
