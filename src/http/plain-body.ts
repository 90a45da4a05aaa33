import type { IncomingHttpHeaders } from 'node:http'
import { parse } from 'node:querystring'

/** The longest bodies that are read before Fastify's lifecycle; what is longer is read in it. */
const FORM_LIMIT_BYTES = 16_384
const FORM_TYPE = 'application/x-www-form-urlencoded'
const IN_UTF8 = /^application\/x-www-form-urlencoded; ?charset=utf-8$/i
/** Unreserved characters (RFC 3986 §2.3) and a scope's colon: they stand for themselves. */
const LITERAL = /^[\w.~:-]+$/

/** @returns how long a form of the usual kind is; 0 for what has to be looked at more closely */
export function plainFormBytes(headers: IncomingHttpHeaders): number {
  const { 'content-type': type = '', 'content-length': length } = headers
  if (type !== FORM_TYPE && !IN_UTF8.test(type)) return 0
  const bytes = Number(length)
  return bytes <= FORM_LIMIT_BYTES ? bytes : 0
}

const JSON_LIMIT_BYTES = 1_024
const JSON_TYPE = /^application\/json(; ?charset=utf-8)?$/i

/** The same of JSON. */
export function plainJsonBytes(headers: IncomingHttpHeaders): number {
  const { 'content-type': type = '', 'content-length': length } = headers
  const bytes = JSON_TYPE.test(type) ? Number(length) : 0
  return bytes <= JSON_LIMIT_BYTES ? bytes : 0
}

/**
 * A form of those `fields` alone, each once and none of them empty, in ASCII.
 * @returns null for every other form, well-formed or not: the lifecycle judges it
 */
export function readPlainForm<const Field extends string>(
  text: string,
  fields: readonly Field[]
): Partial<Record<Field, string>> | null {
  const pairs = text.split('&').map(split)
  const isLiteral = pairs.every(([, value]) => LITERAL.test(value))
  const found: Partial<Record<Field, string>> = {}
  for (const [name, value] of isLiteral ? pairs : decode(text)) {
    const field = fields.find((known) => known === name)
    if (field === undefined || found[field] !== undefined || value === '') return null
    found[field] = value
  }
  return found
}

function split(pair: string): [string, string] {
  const equalsAt = pair.indexOf('=')
  if (equalsAt < 0) return ['', '']
  return [pair.slice(0, equalsAt), pair.slice(equalsAt + 1)]
}

/** As the lifecycle does. */
function decode(text: string): [string, string][] {
  const isAscii = Buffer.byteLength(text) === text.length
  if (!isAscii) return [['', '']]
  return Object.entries(parse(text)).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : ''
  ])
}
