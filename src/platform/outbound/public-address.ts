import { BlockList, isIP } from 'node:net'

/** An address with its family, as a look-up gives it. */
export type Address = { address: string; family: 4 | 6 }

/** The IPv4 blocks that are not for everybody (IANA special-purpose registry, RFC 6890), and where clouds hide metadata. */
const SPECIAL_V4 = blocks('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4]
])

/** Global unicast is 2000::/3 (RFC 4291 §2.4): mapped, NAT64, unique-local, link-local and multicast lie outside. */
const GLOBAL_V6 = blocks('ipv6', [['2000::', 3]])

/** What of it leads elsewhere: protocol assignments with Teredo, documentation, 6to4, 6bone, AS112. */
const SPECIAL_V6 = blocks('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3ffe::', 16],
  ['3fff::', 20]
])

const LOOPBACK_V4 = blocks('ipv4', [['127.0.0.0', 8]])

/** @returns false for anything that is not plainly an address of the public internet */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !SPECIAL_V4.check(address, 'ipv4')
    case 6:
      if (address.includes('%')) return false
      return GLOBAL_V6.check(address, 'ipv6') && !SPECIAL_V6.check(address, 'ipv6')
    default:
      return false
  }
}

export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && LOOPBACK_V4.check(address, 'ipv4'))
}

function blocks(family: 'ipv4' | 'ipv6', subnets: [network: string, bits: number][]): BlockList {
  const list = new BlockList()
  for (const [network, bits] of subnets) list.addSubnet(network, bits, family)
  return list
}
