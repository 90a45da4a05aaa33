/**
 * Whether a client id is a URL that may describe a client (draft-ietf-oauth-client-id-metadata-document §3):
 * https with a path, spelt in the one way that a parser spells it, so that nobody gets two names.
 */
export function isDocumentUrl(id: string): boolean {
  const url = URL.parse(id)
  if (url === null || url.href !== id || url.protocol !== 'https:') return false
  const isPlain = url.username === '' && url.password === '' && !id.includes('#')
  return isPlain && url.pathname !== '/' && !/[\s\\]/.test(id)
}
