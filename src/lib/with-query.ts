/**
 * Adds parameters to a URI and leaves what is there to the letter, its own query included
 * (RFC 6749 §3.1.2).
 * @param uri absolute, without a fragment
 */
export function withQuery(uri: string, parameters: Record<string, string>): string {
  const query = new URLSearchParams(parameters).toString()
  // A header holds ASCII only.
  const base = /^[!-~]*$/.test(uri) ? uri : new URL(uri).href
  if (query === '') return base
  return `${base}${base.includes('?') ? '&' : '?'}${query}`
}
