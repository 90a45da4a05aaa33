import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { HexColor } from './contrast.ts'
import { oneLine } from './plain-text.ts'
import { parseRedisUrl, REDIS_URL_FORMS } from './redis-address.ts'
import { hostsOf } from './postgres-hosts.ts'

/** A parsed setting, or what it should have been. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; expected: string }

const ok = <T>(value: T): Parsed<T> => ({ ok: true, value })

export function oneOf<const T extends string>(...choices: T[]): (text: string) => Parsed<T> {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text)
    if (choice === undefined) return { ok: false, expected: `one of ${choices.join(', ')}` }
    return ok(choice)
  }
}

export function integer(minimum: number, maximum: number): (text: string) => Parsed<number> {
  return (text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
    if (value >= minimum && value <= maximum) return ok(value)
    return { ok: false, expected: `a whole number from ${minimum} to ${maximum}` }
  }
}

/** One per core, or so many. */
export function workerCount(text: string): Parsed<'auto' | number> {
  if (text === 'auto') return ok('auto')
  const count = integer(1, 128)(text)
  return count.ok ? count : { ok: false, expected: `auto or ${count.expected}` }
}

export function fraction(text: string): Parsed<number> {
  if (/^(0(\.\d{1,6})?|1(\.0{1,6})?)$/.test(text)) return ok(Number(text))
  return { ok: false, expected: 'a number from 0 to 1, such as 0.5' }
}

export function boolean(text: string): Parsed<boolean> {
  if (text === 'true' || text === 'false') return ok(text === 'true')
  return { ok: false, expected: 'true or false' }
}

export function text(value: string): Parsed<string> {
  return ok(value)
}

/** `#rrggbb`, in lower case from here on. */
export function hexColor(value: string): Parsed<HexColor> {
  if (/^#[0-9a-f]{6}$/i.test(value)) return ok(value.toLowerCase() as HexColor)
  return { ok: false, expected: 'a colour such as #0b5fff' }
}

/** A bearer secret of an operator's own choice: long enough that nobody guesses it. */
export function secret(value: string): Parsed<string> {
  if (/^[\w~+/.=-]{16,512}$/.test(value)) return ok(value)
  return { ok: false, expected: '16 to 512 characters of A-Z a-z 0-9 and -._~+/=' }
}

export function list(value: string): Parsed<string[]> {
  return ok(value.split(/[\s,]+/).filter((item) => item !== ''))
}

export function listOf<const T extends string>(...choices: T[]): (text: string) => Parsed<T[]> {
  return (value) => {
    const items = value.split(/[\s,]+/).filter((item) => item !== '')
    const known = choices.filter((choice) => items.includes(choice))
    if (items.every((item) => known.some((choice) => choice === item))) return ok(known)
    return { ok: false, expected: `a list of ${choices.join(', ')}` }
  }
}

/** The same, where one of them can never be left out. */
export function listWith<const T extends string>(
  required: T,
  ...choices: T[]
): (text: string) => Parsed<T[]> {
  return (value) => {
    const parsed = listOf(...choices)(value)
    if (parsed.ok && parsed.value.includes(required)) return parsed
    return { ok: false, expected: `a list of ${choices.join(', ')} that has ${required}` }
  }
}

export function url(...protocols: string[]): (text: string) => Parsed<string> {
  return (value) => {
    const parsed = URL.parse(value)
    const isKnown = parsed !== null && protocols.includes(parsed.protocol)
    if (isKnown && isDecodable(parsed)) return ok(value)
    return {
      ok: false,
      expected: `a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`
    }
  }
}

/** What drivers decode when they connect: a bare % in a password would end the start there, with a stack. */
function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    decodeURIComponent(username + password + pathname)
    return true
  } catch {
    return false
  }
}

/** Of one host, or of several with commas between them. */
export function postgresUrl(value: string): Parsed<string> {
  const hosts = hostsOf(value)
  const isPostgres = url('postgres:', 'postgresql:')
  if (hosts.length > 0 && hosts.every((host) => isPostgres(host).ok)) return ok(value)
  return { ok: false, expected: 'a URL that starts with postgres:// or postgresql://' }
}

/** One Redis, Redis Sentinel or Redis Cluster. */
export function redisUrl(value: string): Parsed<string> {
  return parseRedisUrl(value) === null ? { ok: false, expected: REDIS_URL_FORMS } : ok(value)
}

/** An origin as tokens name it: no path, query, fragment or trailing slash, and nothing stands for "any". */
export function origin(value: string): Parsed<string> {
  const parsed = URL.parse(value)
  const isWeb = parsed !== null && /^https?:$/.test(parsed.protocol)
  const isOrigin = isWeb && parsed.origin === value && !value.includes('*')
  return isOrigin
    ? ok(value)
    : { ok: false, expected: 'an origin without a path, such as https://id.example.com' }
}

export function originList(value: string): Parsed<string[]> {
  const items = value.split(/[\s,]+/).filter((item) => item !== '')
  if (items.every((item) => origin(item).ok)) return ok(items)
  return { ok: false, expected: 'a list of origins, such as https://app.example.com' }
}

/** Addresses, ranges in CIDR form, and the names that `@fastify/proxy-addr` knows. */
export function proxyList(value: string): Parsed<string[]> {
  const items = value.split(/[\s,]+/).filter((item) => item !== '')
  const isKnown = (item: string) => {
    const [address = '', bits = '0', ...rest] = item.split('/')
    const version = isIP(address)
    const maximum = version === 4 ? 32 : 128
    return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= maximum
  }
  const isName = (item: string) => ['loopback', 'linklocal', 'uniquelocal'].includes(item)
  if (items.every((item) => isName(item) || isKnown(item))) return ok(items)
  return { ok: false, expected: 'a list of addresses or ranges, such as 10.0.0.0/8' }
}

/** `host:port`, where an IPv6 address stands in brackets. No wildcard, no path. */
export function hostPortList(value: string): Parsed<string[]> {
  const items = value.split(/[\s,]+/).filter((item) => item !== '')
  const isHostPort = (item: string) => {
    const [, host = '', port = ''] = /^([\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(item) ?? []
    return Number(port) >= 1 && Number(port) <= 65_535 && URL.canParse(`https://${host}:${port}`)
  }
  if (items.every(isHostPort)) return ok(items)
  return { ok: false, expected: 'a list of host:port, such as hooks.internal:8443' }
}

/** One or more certificates, PEM. */
export function certificates(value: string): Parsed<string> {
  const blocks = value.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const isCertificate = (pem: string) => {
    try {
      return new X509Certificate(pem).raw.length > 0
    } catch {
      return false
    }
  }
  if (blocks.length > 0 && blocks.every(isCertificate)) return ok(blocks.join('\n'))
  return { ok: false, expected: 'one or more certificates in PEM' }
}

/** 256 bits as hex or base64 (url or not). */
export function key256(value: string): Parsed<Buffer> {
  const bytes = /^[0-9a-f]{64}$/i.test(value)
    ? Buffer.from(value, 'hex')
    : Buffer.from(value, 'base64')
  const isKey = /^[0-9a-f]{64}$/i.test(value) || /^[A-Za-z0-9+/_-]{43}=?$/.test(value)
  if (isKey && bytes.length === 32) return ok(bytes)
  return { ok: false, expected: '32 random bytes as hex or base64 (openssl rand -base64 32)' }
}

/** Who a mail is from; without a name it is the brand's. */
export type Mailbox = { name: string | undefined; address: string }

export function mailbox(value: string): Parsed<Mailbox> {
  const [, name, address] = MAILBOX.exec(value) ?? []
  if (address !== undefined) return ok({ name: name?.trim(), address })
  return { ok: false, expected: 'an address, such as Latchkey <no-reply@example.com>' }
}

const MAILBOX = /^(?:([^<>"\p{Cc}]+ )?<)?([^\s<>"@]+@[^\s<>"@]+)>?$/u

/** A name that people are shown: one line of visible text. */
export function displayName(value: string): Parsed<string> {
  if (value === oneLine(value) && /^[^<>"]{1,60}$/.test(value)) return ok(value)
  return {
    ok: false,
    expected: 'a name of at most 60 characters in one line, without < > and quotes'
  }
}
