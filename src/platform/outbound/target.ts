import { isIP } from 'node:net'
import { OutboundError } from './outbound-error.ts'
import { isLoopbackAddress, isPublicAddress, type Address } from './public-address.ts'
import type { Resolve } from './resolve.ts'

/** A URL that may be asked for, and whether the operator's list names it. */
export type Target = { url: URL; host: string; isListed: boolean }

export type TargetRules = {
  /** `host:port`, as `OUTBOUND_ALLOWED_HOSTS` lists them. */
  allowedHosts: string[]
  production: boolean
}

const DEFAULT_PORT: Record<string, string> = { 'https:': '443', 'http:': '80' }

/** The rules that a URL alone can break. WHATWG parsing has turned `0x7f.1`, `2130706433` and the like into `127.0.0.1`. */
export function createTargetRule({ allowedHosts, production }: TargetRules) {
  const listed = new Set(allowedHosts.map(canonicalHostPort))

  /** @throws {OutboundError} `refused_url` */
  return function targetOf(text: string): Target {
    const url = URL.parse(text)
    if (url === null) throw new OutboundError('refused_url', 'outbound', 'this is not a URL')
    const host = url.hostname.replaceAll(/^\[|\]$/g, '')
    const port = url.port === '' ? DEFAULT_PORT[url.protocol] : url.port
    const isListed = listed.has(`${url.hostname}:${port ?? ''}`)
    const refuse = (why: string) => new OutboundError('refused_url', host, why)
    const isPlain = url.protocol === 'http:' && isListed && !production
    if (url.protocol !== 'https:' && !isPlain) throw refuse('only https is asked')
    if (url.username !== '' || url.password !== '') throw refuse('a URL must not carry credentials')
    if (port !== '443' && !isListed) throw refuse('only port 443 is asked, unless listed')
    return { url, host, isListed }
  }
}

/**
 * Every address of a target, all of them allowed: one that is not spoils the others.
 * @throws {OutboundError} `refused_address`, `unreachable`
 */
export async function checkedAddresses(
  { url, host, isListed }: Target,
  resolve: Resolve,
  signal: AbortSignal
): Promise<Address[]> {
  const family = isIP(host)
  const addresses =
    family === 0
      ? await find(host, resolve, signal)
      : [{ address: host, family: family === 6 ? (6 as const) : (4 as const) }]
  const isAllowed = ({ address }: Address) =>
    url.protocol === 'http:' ? isLoopbackAddress(address) : isListed || isPublicAddress(address)
  if (addresses.every(isAllowed)) return addresses
  throw new OutboundError('refused_address', host, 'this address is not asked')
}

async function find(host: string, resolve: Resolve, signal: AbortSignal): Promise<Address[]> {
  const addresses = await resolve(host, signal).catch((error: unknown) => {
    throw new OutboundError('unreachable', host, 'the name was not found', error)
  })
  if (addresses.length > 0) return addresses
  throw new OutboundError('unreachable', host, 'the name has no address')
}

/** `LOCALHOST:443` and `[::1]:8443` as a parsed URL spells them. */
function canonicalHostPort(text: string): string {
  const { hostname } = new URL(`https://${text}`)
  return `${hostname}:${text.slice(text.lastIndexOf(':') + 1)}`
}
