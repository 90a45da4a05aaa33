import Negotiator from 'negotiator'
import { escapeHtml } from '../lib/plain-text.ts'
import { de } from './texts/de.ts'

/** A sentence of the pages, in English: the key of every other language. */
export type PageText = keyof typeof de

type Catalogue = Readonly<Record<string, string>>

/** English is what the code says. */
const CATALOGUES = { en: {} as Catalogue, de: de as Catalogue }

export type Language = keyof typeof CATALOGUES

export const LANGUAGES = Object.keys(CATALOGUES) as Language[]

type Values = Record<string, string>

export type Texts = ReturnType<typeof createTexts>

/**
 * The language of ours that fits best.
 * @param wanted languages (BCP 47), best first, in the form of `Accept-Language` (RFC 9110 §12.5.4)
 * @returns undefined where none does
 */
export function matchLanguage(wanted: string | undefined): Language | undefined {
  if (wanted === undefined) return undefined
  // Its own match prefers `de` to `en` for "en-GB, de", as that one is exact.
  const tags = new Negotiator({ headers: { 'accept-language': wanted } }).languages()
  return tags.map((tag) => tag.split('-')[0]?.toLowerCase() ?? '').find(isLanguage)
}

export function isLanguage(text: string | null): text is Language {
  return LANGUAGES.some((language) => language === text)
}

/** Everything that pages say, in one language. A sentence that has no translation stays English. */
function createTexts(language: Language) {
  const catalogue = CATALOGUES[language]

  function translate(english: string): string {
    return Object.hasOwn(catalogue, english) ? (catalogue[english] ?? english) : english
  }

  /** A sentence of ours; `values` fill what stands in braces. */
  function t(english: PageText, values: Values = {}): string {
    return fill(translate(english), values)
  }

  /** A sentence with tags, for `<%~ … %>`: the values are escaped here. */
  function html(english: PageText, values: Values): string {
    const escaped = Object.entries(values).map(([name, value]) => [name, escapeHtml(value)])
    return fill(translate(english), Object.fromEntries(escaped) as Values)
  }

  /** A sentence that may be of ours, such as the detail of a problem; a number in it may be any. */
  function any(english: string): string {
    const number = /\d+/.exec(english)?.[0]
    if (number === undefined || Object.hasOwn(catalogue, english)) return translate(english)
    const pattern = english.replace(number, '{number}')
    return Object.hasOwn(catalogue, pattern) ? fill(translate(pattern), { number }) : english
  }

  /** How long somebody has to wait, rounded up, so that whoever waits so long gets in. */
  function duration(seconds: number): string {
    if (seconds < 90) return unit(Math.max(1, Math.ceil(seconds)), 'second')
    if (seconds <= 5_400) return unit(Math.ceil(seconds / 60), 'minute')
    return unit(Math.ceil(seconds / 3_600), 'hour')
  }

  function unit(amount: number, name: 'second' | 'minute' | 'hour'): string {
    const style = { style: 'unit', unit: name, unitDisplay: 'long' } as const
    return new Intl.NumberFormat(language, style).format(amount)
  }

  return { language, t, html, any, duration }
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

const TEXTS = Object.fromEntries(
  LANGUAGES.map((language) => [language, createTexts(language)])
) as Record<Language, Texts>

/** Made once for each language: pages are many. */
export function textsIn(language: Language): Texts {
  return TEXTS[language]
}
