import { lookedAt, ownWords } from './looked-at.ts'
import { fold, hashOf, type Lexicon } from './strength-lexicon.ts'

export type QuickLook = ReturnType<typeof createQuickLook>

/** Of zxcvbn's score 3: with fewer guesses than this, and five more, it is 2. */
const ENOUGH_GUESSES = 1e8
const IS_ASCII = /^[\x20-\x7e]+$/
/** Dates with or without separators, and years. */
const MAYBE_DATE = /^[\d\s/\\_.-]{4,10}$/
const LARGEST_STEP = 5

/**
 * Tells of most strong passwords that zxcvbn's score is 3 or 4, in a hundredth of its time, by a lower bound of
 * the guesses that it counts: it never says so of a password that zxcvbn gives less.
 *
 * zxcvbn cuts a password into k parts, each either a pattern (a word, a date, …) or tried out with 10 guesses a
 * character, and takes the cheapest of `k! · (product of the parts' guesses) + 10000^(k - 1)`. For three parts
 * and more that is above 10^8 whatever they are. So only one part and two are left to look at. A pattern
 * counts at least 10 guesses for one character and 50 for more (a whole password may count 1), and whether a
 * part can be one is judged generously: letters that l33t may mix up are one letter, a word is known by its
 * hash, and of dates, rows and keyboards only the outline is asked for. What is not plain ASCII, or has
 * spellings of several characters (`|-|` for h), is left to zxcvbn.
 */
export function createQuickLook(lexicon: Lexicon) {
  const { folds, words, wideSpellings, neighbours } = lexicon
  const row = anyOf(lexicon.rowWords.flatMap((word) => [word, reversed(word)]))
  /** Two words of rows with nothing or one character between them. */
  const rowOfWords = new RegExp(`(?:${row}).?(?:${row})`)

  /** @param personal words that belong to the owner */
  return function isClearlyStrong(password: string, personal: string[]): boolean {
    const text = lookedAt(password)
    const lower = text.toLowerCase()
    const isLeftToZxcvbn =
      !IS_ASCII.test(text) ||
      wideSpellings.some((spelling) => lower.includes(spelling)) ||
      rowOfWords.test(fold(text, folds))
    if (isLeftToZxcvbn) return false
    const own = new Set(ownWords(personal).map((word) => fold(word, folds)))
    const { length } = text
    const [forwards, backwards] = [fold(text, folds), reversed(fold(text, folds))]
    const isPattern = (from: number, to: number) =>
      isWord(forwards.slice(from, to), own) ||
      isWord(backwards.slice(length - to, length - from), own) ||
      hasShape(text.slice(from, to))
    if (10 ** length <= ENOUGH_GUESSES || isPattern(0, length)) return false
    for (let cut = 1; cut < length; cut += 1) {
      const guesses = least(cut, isPattern(0, cut)) * least(length - cut, isPattern(cut, length))
      if (2 * guesses + 10_000 <= ENOUGH_GUESSES + 10) return false
    }
    return true
  }

  function isWord(folded: string, own: ReadonlySet<string>): boolean {
    return own.has(folded) || isAmong(words, hashOf(folded))
  }

  /** A single character may be a separator; the others are dates, repeats, sequences and ways over a keyboard. */
  function hasShape(part: string): boolean {
    return (
      part.length === 1 ||
      MAYBE_DATE.test(part) ||
      isRepeat(part) ||
      isSequence(part) ||
      everyPair(part, (at) => neighbours.has(part.slice(at, at + 2)))
    )
  }
}

/** The fewest guesses that zxcvbn counts for a part of a password. */
const least = (length: number, isPattern: boolean) =>
  isPattern ? (length === 1 ? 10 : 50) : 10 ** length

function isRepeat(part: string): boolean {
  const { length } = part
  for (let period = 1; period <= length / 2; period += 1) {
    if (length % period === 0 && part.startsWith(part.slice(period))) return true
  }
  return false
}

/** Each character as far from the one before. */
function isSequence(part: string): boolean {
  const step = (at: number) => part.charCodeAt(at + 1) - part.charCodeAt(at)
  const first = step(0)
  return Math.abs(first) <= LARGEST_STEP && everyPair(part, (at) => step(at) === first)
}

/** Whether something holds for each two characters in a row. */
function everyPair(part: string, holds: (at: number) => boolean): boolean {
  for (let at = 0; at < part.length - 1; at += 1) if (!holds(at)) return false
  return true
}

/** Searches by halves. */
function isAmong(sorted: Uint32Array, value: number): boolean {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    const found = sorted[middle] ?? 0
    if (found === value) return true
    if (found < value) from = middle + 1
    else to = middle
  }
  return false
}

const reversed = (word: string) => Array.from(word).reverse().join('')

const anyOf = (words: string[]) => words.map((word) => word.replaceAll(/\W/g, '\\$&')).join('|')
