const AUTHORITY = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^@/?#]+)(.*)$/s

/**
 * A URL for each host that a database URL names, in their order: `postgresql://user:secret@a:5432,b:5432/db`
 * names two, as libpq has it.
 * @returns empty for what is no URL
 */
export function hostsOf(databaseUrl: string): string[] {
  const single = URL.parse(databaseUrl)
  if (single !== null && !single.host.includes(',')) return [databaseUrl]
  const [, before, hosts, after] = AUTHORITY.exec(databaseUrl) ?? []
  if (before === undefined || hosts === undefined || after === undefined) return []
  const urls = hosts.split(',').map((host) => before + host + after)
  return urls.every((url) => (URL.parse(url)?.host ?? '') !== '') ? urls : []
}
