import { createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import { headerOf, writeRequest, type Answer, type Connection } from './connection.ts'

/** The answer was not what it had to be: it is no throughput. */
export class WrongAnswer extends Error {}

/** One connection's part: what it does again and again. */
export type Step = (connection: Connection) => Promise<void>

export type Headers = Record<string, string>

/** How a server names what the scenarios do. */
export type Scenario =
  /** The same requests over and over; each answer holds `expected`. */
  | {
      kind: 'fixed'
      path: string
      method?: 'POST'
      headers?: Headers[]
      bodies?: string[]
      expected: string
    }
  /** The same, and the answer holds a token that verifies; where `isFresh`, never the one before. */
  | {
      kind: 'token'
      path: string
      method?: 'POST'
      headers: Headers[]
      body?: string
      field: string
      isFresh: boolean
      keys: JsonWebKey[]
    }
  /** A chain of refresh tokens: each answer rotates it. */
  | {
      kind: 'refresh'
      path: string
      headers: Headers
      form: 'json' | 'urlencoded'
      tokens: string[]
      keys: JsonWebKey[]
    }
  /** One of many people each time. */
  | {
      kind: 'login'
      path: string
      headers: Headers
      bodies: string[]
      expected: string
      keys: JsonWebKey[] | null
    }
  /** Somebody new each time. */
  | {
      kind: 'register'
      path: string
      headers: Headers
      body: Record<string, string>
      domain: string
      expected: string
      status: number
    }
  /** authorize -> code -> token with a browser that is logged in. */
  | {
      kind: 'code flow'
      authorize: string
      token: string
      cookies: string[]
      headers: Headers
      form: string
      keys: JsonWebKey[]
    }

/** Every so many answers one signature is verified: all would cost the generator more than the server. */
const VERIFY_EVERY = 50

/** @param index of the connection, among `of` */
export function stepOf(scenario: Scenario, index: number, of: number): Step {
  switch (scenario.kind) {
    case 'fixed':
      return fixed(scenario, index, of)
    case 'token':
      return token(scenario, index)
    case 'refresh':
      return refresh(scenario, index)
    case 'login':
      return login(scenario, index, of)
    case 'register':
      return register(scenario, index)
    case 'code flow':
      return codeFlow(scenario, index)
  }
}

function fixed(
  { path, method, headers = [{}], bodies, expected }: Of<'fixed'>,
  index: number,
  of: number
): Step {
  const count = Math.max(headers.length, bodies?.length ?? 1)
  const requests = Array.from({ length: count }, (_, n) =>
    writeRequest(method ?? 'GET', path, headers[n % headers.length], bodies?.[n % bodies.length])
  )
  let next = index
  return async (connection) => {
    const answer = await connection.ask(requests[next % count] ?? '')
    next += of
    requireThat(answer.status === 200 && answer.body.includes(expected), answer)
  }
}

function token(
  { path, method, headers, body, field, isFresh, keys }: Of<'token'>,
  index: number
): Step {
  const request = writeRequest(method ?? 'GET', path, headers[index % headers.length], body)
  const check = createTokenCheck(keys)
  let before = ''
  return async (connection) => {
    const answer = await connection.ask(request)
    requireThat(answer.status === 200, answer)
    const jwt = JSON.parse(answer.body)[field]
    requireThat((!isFresh || jwt !== before) && check(jwt), answer)
    before = jwt
  }
}

function refresh({ path, headers, form, tokens, keys }: Of<'refresh'>, index: number): Step {
  let current = tokens[index] ?? ''
  const check = createTokenCheck(keys)
  return async (connection) => {
    const body =
      form === 'json'
        ? `{"refresh_token":"${current}"}`
        : `grant_type=refresh_token&refresh_token=${current}`
    const answer = await connection.ask(writeRequest('POST', path, headers, body))
    requireThat(answer.status === 200, answer)
    const { refresh_token: next, access_token: jwt } = JSON.parse(answer.body)
    requireThat(typeof next === 'string' && next !== current && check(jwt), answer)
    current = next
  }
}

function login(
  { path, headers, bodies, expected, keys }: Of<'login'>,
  index: number,
  of: number
): Step {
  const check = keys === null ? () => true : createTokenCheck(keys)
  const requests = bodies.map((body) => writeRequest('POST', path, headers, body))
  let next = index
  return async (connection) => {
    const answer = await connection.ask(requests[next % requests.length] ?? '')
    next += of
    requireThat(answer.status === 200 && answer.body.includes(expected), answer)
    requireThat(check(keys === null ? '' : JSON.parse(answer.body).access_token), answer)
  }
}

function register(
  { path, headers, body, domain, expected, status }: Of<'register'>,
  index: number
): Step {
  let next = 0
  return async (connection) => {
    next += 1
    const email = `new-${index}-${next}@${domain}`
    const json = JSON.stringify({ ...body, email })
    const answer = await connection.ask(writeRequest('POST', path, headers, json))
    requireThat(answer.status === status && answer.body.includes(expected), answer)
    requireThat(answer.body.includes(email), answer)
  }
}

function codeFlow(
  { authorize, token: tokenPath, cookies, headers, form, keys }: Of<'code flow'>,
  index: number
): Step {
  const ask = writeRequest('GET', authorize, { cookie: cookies[index % cookies.length] ?? '' })
  const check = createTokenCheck(keys)
  return async (connection) => {
    const redirect = await connection.ask(ask)
    const code = /[?&]code=([^&]+)/.exec(headerOf(redirect, 'location') ?? '')?.[1]
    requireThat(redirect.status === 303 && code !== undefined, redirect)
    const body = `${form}&code=${code ?? ''}`
    const answer = await connection.ask(writeRequest('POST', tokenPath, headers, body))
    requireThat(answer.status === 200, answer)
    const {
      access_token: access,
      id_token: id,
      refresh_token: refreshToken
    } = JSON.parse(answer.body)
    requireThat(check(access) && check(id) && typeof refreshToken === 'string', answer)
  }
}

/** Every token is RS256 and of three parts; the first and every fiftieth verifies. */
function createTokenCheck(jwks: JsonWebKey[]) {
  const keys = new Map<unknown, KeyObject>(
    jwks.map((key) => [key['kid'], createPublicKey({ key, format: 'jwk' })])
  )
  const algorithms = new Map<string, KeyObject | null>()
  let checked = 0

  function keyOf(header: string): KeyObject | null {
    const known = algorithms.get(header)
    if (known !== undefined) return known
    const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
    const key = alg === 'RS256' ? (keys.get(kid) ?? null) : null
    algorithms.set(header, key)
    return key
  }

  return function isToken(jwt: unknown): boolean {
    if (typeof jwt !== 'string') return false
    const [header = '', payload = '', signature = ''] = jwt.split('.')
    const key = keyOf(header)
    if (key === null || payload === '' || signature.length !== 342) return false
    checked += 1
    if (checked % VERIFY_EVERY !== 1) return true
    return verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      key,
      Buffer.from(signature, 'base64url')
    )
  }
}

type Of<Kind extends Scenario['kind']> = Extract<Scenario, { kind: Kind }>

function requireThat(isTrue: boolean, { status, head, body }: Answer): void {
  if (isTrue) return
  const location = /^location: .*$/im.exec(head)?.[0] ?? ''
  throw new WrongAnswer(`${status} ${location} ${body.slice(0, 300)}`)
}
