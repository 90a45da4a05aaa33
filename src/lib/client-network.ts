/** What counts as one client: an IPv4 address, or the /64 of IPv6 that one line has to itself. */
export function clientNetwork(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1]
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  return `${ipv6Groups(address).slice(0, 4).join(':')}::/64`
}

/** The eight groups of an IPv6 address, in lower case and without leading zeros. */
export function ipv6Groups(address: string): string[] {
  const [head = '', tail = ''] = address.toLowerCase().split('::')
  const groupsOf = (part: string) => part.split(':').filter((group) => group !== '')
  const [front, back] = [groupsOf(head), groupsOf(tail)]
  const missing = Math.max(0, 8 - front.length - back.length)
  const groups = [...front, ...Array.from({ length: missing }, () => '0'), ...back]
  return groups.map((group) => group.replace(/^0+(?=.)/, ''))
}
