import { domainToASCII } from 'node:url'

/** An `atext` run with single dots (RFC 5321 §4.1.2), or the same with letters of other scripts (RFC 6531 §3.3). */
const LOCAL_PART =
  /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u
/** What nobody sees. Some of it counts as a letter or a mark: fillers, joiners, variation selectors. */
const HIDDEN = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u
/** `domainToASCII` reads a URL's host: it decodes `%` and drops what follows the others, in silence. */
const URL_SYNTAX = /[%/?#\\:]/
const DOMAIN_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/** An address to write to, and the one form under which it is looked up. */
export type EmailAddress = { address: string; canonical: string }

/**
 * Accepts one plain addr-spec: no display name, group, comment, quoted local part, address literal, line
 * break, control or invisible character.
 *
 * Canonical: an ASCII local part in lower case, with neither dots nor tags folded (they may be other
 * people's mailboxes), the domain by UTS-46.
 * @returns null, never a throw, for anything else
 */
export function parseEmailAddress(text: string): EmailAddress | null {
  if (text.length > 320) return null
  const at = text.lastIndexOf('@')
  const local = text.slice(0, at).normalize('NFC')
  const domain = domainToASCII(text.slice(at + 1))
  if (at < 1 || !LOCAL_PART.test(local) || Buffer.byteLength(local) > 64) return null
  if (HIDDEN.test(text) || !isHostname(domain, text.slice(at + 1))) return null
  const isAscii = /^[\x20-\x7e]+$/.test(local)
  const canonicalLocal = isAscii ? local.toLowerCase() : local
  return { address: `${local}@${domain}`, canonical: `${canonicalLocal}@${domain}` }
}

function isHostname(domain: string, typed: string): boolean {
  const labels = domain.split('.')
  const isNamed = labels.length >= 2 && labels.every((label) => DOMAIN_LABEL.test(label))
  const isAddress = /^[\d.]+$/.test(domain)
  return domain.length <= 253 && isNamed && !isAddress && !URL_SYNTAX.test(typed)
}
