/**
 * The bytes of base64 in either alphabet, padded or not.
 * @returns null, never a throw, for anything else: stray characters, stray bits, nothing
 */
export function decodeBase64(text: string): Buffer | null {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return null
  const plain = text.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_')
  const bytes = Buffer.from(plain, 'base64url')
  return bytes.toString('base64url') === plain ? bytes : null
}
