/**
 * Characters that are not seen, or that change what is seen of the others: control characters, line
 * breaks, bidirectional controls, zero-width ones (the joiners aside, which scripts and emoji need),
 * tags, halves of surrogate pairs.
 */
const UNSEEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00AD\u061C\u180E\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]+/gu

/** Text as one line without anything invisible. */
export function oneLine(text: string): string {
  return text.replaceAll(UNSEEN, ' ').trim()
}

/**
 * What somebody else wrote, as a name and no more: one line, short, and nothing that a mail program
 * would turn into a link.
 */
export function asName(text: string, maxLength = 64): string {
  const plain = oneLine(text.normalize('NFKC'))
    .replaceAll(/[:/\\@]+/g, ' ')
    .replaceAll(/(?<=[\p{L}\p{N}-])[.\u3002\uFF0E\uFF61](?=\p{L})/gu, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  const characters = Array.from(plain)
  return characters.length <= maxLength ? plain : `${characters.slice(0, maxLength - 1).join('')}…`
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

/** For text and quoted attributes of HTML. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
