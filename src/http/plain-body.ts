import type { IncomingHttpHeaders } from 'node:http'

/** The longest bodies that are read before Fastify's lifecycle; what is longer is read in it. */
const FORM_LIMIT_BYTES = 16_384
const FORM_TYPE = 'application/x-www-form-urlencoded'
const IN_UTF8 = /^application\/x-www-form-urlencoded; ?charset=utf-8$/i

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
