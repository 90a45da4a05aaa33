import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Address } from './public-address.ts'

/** Finds every address of a name, once. The signal ends the search. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<Address[]>

const TIMEOUT_MS = 1_000
const TRIES = 2

/**
 * By DNS alone, on a socket of its own: a name server that never answers must not hold the thread pool,
 * which hashes passwords. `/etc/hosts` and search domains do not count.
 * @throws when there is no address
 */
export const resolveByDns: Resolve = async (host, signal) => {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
  const cancel = () => {
    resolver.cancel()
  }
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    const found = [...addressesOf(v4, 4), ...addressesOf(v6, 6)]
    if (found.length > 0) return found
    throw new Error('no address', { cause: v4.status === 'rejected' ? v4.reason : undefined })
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** As the system does, with `/etc/hosts` and search domains: for names that the operator has listed. */
export const resolveBySystem: Resolve = async (host) => {
  const found = await lookup(host, { all: true })
  return found.map(({ address }) => ({ address, family: isIP(address) === 6 ? 6 : 4 }))
}

function addressesOf(result: PromiseSettledResult<string[]>, family: 4 | 6): Address[] {
  if (result.status === 'rejected') return []
  return result.value.map((address) => ({ address, family }))
}
