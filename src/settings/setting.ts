import type { Parsed } from '../lib/setting-parsers.ts'

/** One environment variable: `doc` is its line in the README's table, where `shown` is its default. */
export type Setting<T> = {
  name: string
  doc: string
  shown: string
  parse: (text: string) => Parsed<T>
  fallback: T
}

/** A setting with a default. */
export function optional<T>(
  name: string,
  doc: string,
  parse: (text: string) => Parsed<T>,
  fallback: T,
  shown = String(fallback)
): Setting<T> {
  return { name, doc, shown, parse, fallback }
}

/** A setting that may stay unset; `shown` says what happens then. */
export function unset<T>(
  name: string,
  doc: string,
  parse: (text: string) => Parsed<T>,
  shown: string
): Setting<T | undefined> {
  return { name, doc, shown, parse, fallback: undefined }
}

export const DAY_SECONDS = 86_400
