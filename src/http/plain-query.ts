/** Of a value as it was sent: what a URL may hold. Above 1,024 the schemas begin to have limits of their own. */
const SENT = /^[!"$-%'-~]{1,3072}$/
/** Of a value as it is meant. */
const MEANT = /^[ -~]{1,1024}$/
/** Stands for itself, whoever reads it. */
const UNRESERVED = /^[\w.~-]{1,1024}$/

/**
 * A query of those `names` alone, each once, with values of printable ASCII.
 * @returns null for every other query, well-formed or not: the lifecycle judges it
 */
export function readPlainQuery<Name extends string>(
  query: string,
  names: ReadonlySet<Name>
): Partial<Record<Name, string>> | null {
  const found: Partial<Record<Name, string>> = {}
  for (const pair of query.split('&')) {
    const equalsAt = pair.indexOf('=')
    const name = pair.slice(0, Math.max(equalsAt, 0)) as Name
    const value = valueOf(pair.slice(equalsAt + 1))
    if (value === null || !names.has(name) || found[name] !== undefined) return null
    found[name] = value
  }
  return found
}

function valueOf(sent: string): string | null {
  if (UNRESERVED.test(sent)) return sent
  if (!SENT.test(sent)) return null
  try {
    const value = decodeURIComponent(sent.replaceAll('+', ' '))
    return MEANT.test(value) ? value : null
  } catch {
    return null
  }
}
