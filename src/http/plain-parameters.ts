/** Stands for itself, whoever reads it: unreserved characters (RFC 3986 §2.3), and a scope's colon. */
const LITERAL = /^[\w.~:-]+$/
/** Of a value as it was sent: what a URL may hold. */
const SENT = /^[!"$-%'-~]+$/
/** Of a value as it is meant. */
const MEANT = /^[ -~]+$/

/**
 * A query, or a form, of those `names` alone, each once, with values of printable ASCII.
 * @param longest of a value, in characters: above 1,024 the schemas begin to have limits of their own
 * @returns null for every other text, well-formed or not: the lifecycle judges it
 */
export function readPlainParameters<Name extends string>(
  text: string,
  names: ReadonlySet<Name>,
  longest = 1_024
): Partial<Record<Name, string>> | null {
  const found: Partial<Record<Name, string>> = {}
  for (const pair of text.split('&')) {
    const equalsAt = pair.indexOf('=')
    const name = pair.slice(0, Math.max(equalsAt, 0)) as Name
    const value = valueOf(pair.slice(equalsAt + 1))
    if (value === null || value.length > longest) return null
    if (!names.has(name) || found[name] !== undefined) return null
    found[name] = value
  }
  return found
}

function valueOf(sent: string): string | null {
  if (LITERAL.test(sent)) return sent
  if (!SENT.test(sent)) return null
  try {
    const value = decodeURIComponent(sent.replaceAll('+', ' '))
    return MEANT.test(value) ? value : null
  } catch {
    return null
  }
}
