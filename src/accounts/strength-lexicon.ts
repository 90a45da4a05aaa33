/**
 * What zxcvbn knows, in the form in which {@link createQuickLook} asks for it: less than a megabyte, made
 * from the very options that zxcvbn has.
 */
export type Lexicon = {
  /** For each ASCII character the one that stands for all which may be written for one another (`4` and `@` for `a`). */
  folds: Uint8Array<ArrayBuffer>
  /** What is written for a letter with several characters, such as `|-|`. */
  wideSpellings: string[]
  /** Hashes of all words, folded; in order. */
  words: Uint32Array<ArrayBuffer>
  /** Numbers, months, planets …, folded: words that zxcvbn also knows in a row. */
  rowWords: string[]
  /** Each two characters side by side on some keyboard, in either order. */
  neighbours: Set<string>
}

export type LexiconSource = {
  l33tTable: Record<string, string[]>
  dictionary: Record<string, (string | number)[]>
  isWordSequence: (name: string) => boolean
  graphs: Record<string, Record<string, (string | null)[]>>
}

const ASCII = 128
const IS_ASCII = /^[\x20-\x7e]*$/

export function buildLexicon(source: LexiconSource): Lexicon {
  const { l33tTable, dictionary, isWordSequence, graphs } = source
  const folds = foldsOf(l33tTable)
  const hashes = new Set<number>()
  for (const words of Object.values(dictionary)) {
    // A password that is not ASCII is not looked at quickly, so no such word can be in one that is.
    for (const word of words)
      if (IS_ASCII.test(String(word))) hashes.add(hashOf(fold(String(word), folds)))
  }
  const rows = Object.entries(dictionary).filter(([name]) => isWordSequence(name))
  return {
    folds,
    wideSpellings: Object.values(l33tTable)
      .flat()
      .filter((spelling) => spelling.length > 1),
    words: Uint32Array.from(hashes).sort(),
    rowWords: rows.flatMap(([, words]) => words.map((word) => fold(String(word), folds))),
    neighbours: neighboursOf(graphs)
  }
}

/** Whatever may be written for one another, directly or by way of others, is one character. */
function foldsOf(l33tTable: LexiconSource['l33tTable']): Uint8Array<ArrayBuffer> {
  const folds = Uint8Array.from({ length: ASCII }, (_, code) => code)
  for (const [letter, spellings] of Object.entries(l33tTable)) {
    for (const spelling of spellings.filter(({ length }) => length === 1)) {
      const [kept, given] = [folds[letter.charCodeAt(0)], folds[spelling.charCodeAt(0)]]
      for (const [code, one] of folds.entries()) if (one === given) folds[code] = kept ?? code
    }
  }
  return folds
}

function neighboursOf(graphs: LexiconSource['graphs']): Set<string> {
  const neighbours = new Set<string>()
  for (const keys of Object.values(graphs)) {
    for (const [key, adjacent] of Object.entries(keys)) {
      for (const other of adjacent.join('')) neighbours.add(key + other).add(other + key)
    }
  }
  return neighbours
}

/** In lower case, each character as the one that stands for it. */
export function fold(text: string, folds: Uint8Array): string {
  const lower = text.toLowerCase()
  let folded = ''
  for (let at = 0; at < lower.length; at += 1) {
    const code = lower.charCodeAt(at)
    folded += String.fromCharCode(folds[code] ?? code)
  }
  return folded
}

/** FNV-1a. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return hash >>> 0
}
