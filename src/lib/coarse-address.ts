import { ipv6Groups } from './client-network.ts'

const IPV4 = /^(?:::ffff:)?(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/i
const IPV6 = /^[0-9a-f:]+$/i

/**
 * An IP address as far as a person needs it to recognize a place: the /24 of IPv4, the /48 of IPv6. One
 * spelling for all addresses of it.
 */
export function coarseAddress(address: string): string {
  const network = IPV4.exec(address)?.[1]
  if (network !== undefined) return `${network}.x`
  if (!address.includes(':') || !IPV6.test(address)) return 'unknown'
  return `${ipv6Groups(address).slice(0, 3).join(':')}::x`
}
