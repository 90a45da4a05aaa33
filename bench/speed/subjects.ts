import type { JsonWebKey } from 'node:crypto'
import { join } from 'node:path'
import { openBrowser } from './browser.ts'
import { startChild } from './child-server.ts'
import { emailOf, PASSWORD, type Latchkey } from './latchkey.ts'
import {
  basic,
  FORM_TYPE,
  getJson,
  JSON_TYPE,
  PKCE,
  post,
  prepare,
  type Subject
} from './operations.ts'
import type { Place } from './place.ts'

const CONNECTIONS = 32
const REDIRECT_URI = 'https://shop.example/callback'
type Tokens = { access_token: string; refresh_token: string }
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index))

/** Less than the shortest life of an access token here. */
const TOKENS_LAST_MS = 120_000

/** What `make` gave last, made anew where that is too long ago. */
function keepFor<T>(ms: number, make: () => Promise<T>): () => Promise<T> {
  let madeAtMs = Number.NEGATIVE_INFINITY
  let kept: Promise<T> | undefined
  return async () => {
    if (kept !== undefined && performance.now() - madeAtMs < ms) return kept
    madeAtMs = performance.now()
    kept = make()
    return kept
  }
}

/** Every round has people of its own. */
let registrations = 0

export async function latchkeySubject({ port, program, web, service }: Latchkey): Promise<Subject> {
  const { keys } = await getJson<{ keys: JsonWebKey[] }>(port, '/.well-known/jwks.json')
  const login = (index: number) => {
    const body = JSON.stringify({ email: emailOf(index), password: PASSWORD })
    return post<Tokens>(port, '/auth/login', body, JSON_TYPE)
  }
  const logins = () => prepare(CONNECTIONS, login)
  const liveTokens = keepFor(TOKENS_LAST_MS, logins)
  const caller = { ...FORM_TYPE, ...basic(service.id, service.secret) }
  const authorize = authorizePath('/oauth/authorize', web.id, 'openid')
  let browsers: Promise<string[]> | undefined
  return {
    name: 'Latchkey',
    port,
    program,
    scenarios: {
      refresh: async () => ({
        kind: 'refresh',
        path: '/auth/refresh-token',
        headers: JSON_TYPE,
        form: 'json',
        tokens: (await logins()).map((tokens) => tokens.refresh_token),
        keys
      }),
      'client credentials': () => ({
        kind: 'token',
        method: 'POST',
        path: '/oauth/token',
        headers: [caller],
        body: 'grant_type=client_credentials&scope=orders:read',
        field: 'access_token',
        isFresh: true,
        keys
      }),
      'verify-token': async () => ({
        kind: 'fixed',
        path: '/verify-token',
        headers: (await liveTokens()).map((tokens) => bearer(tokens.access_token)),
        expected: '"active":true'
      }),
      introspection: async () => ({
        kind: 'fixed',
        method: 'POST',
        path: '/oauth/introspect',
        headers: [caller],
        bodies: (await liveTokens()).map((tokens) => `token=${tokens.access_token}`),
        expected: '"active":true'
      }),
      JWKS: () => ({ kind: 'fixed', path: '/.well-known/jwks.json', expected: '"RS256"' }),
      metadata: () => ({
        kind: 'fixed',
        path: '/.well-known/openid-configuration',
        expected: '"token_endpoint"'
      }),
      login: () => ({
        kind: 'login',
        path: '/auth/login',
        headers: JSON_TYPE,
        bodies: times(4_000, (n) => JSON.stringify({ email: emailOf(n), password: PASSWORD })),
        expected: '"refresh_token"',
        keys
      }),
      register: () => ({
        kind: 'register',
        path: '/auth/register',
        headers: JSON_TYPE,
        body: { password: PASSWORD },
        domain: `round-${registrations++}.example.com`,
        expected: '"email_verified":false',
        status: 201
      }),
      'authorize → code → token': async () => {
        browsers ??= prepare(CONNECTIONS, (index) => logBrowserIn(port, emailOf(index)))
        return {
          kind: 'code flow',
          authorize,
          token: '/oauth/token',
          cookies: await browsers,
          headers: { ...FORM_TYPE, ...basic(web.id, web.secret) },
          form: codeForm,
          keys
        }
      }
    }
  }
}

type OidcTold = { keys: JsonWebKey[]; clients: { web: string; opaque: string } }

/** node-oidc-provider, on Postgres or on Redis. */
export async function oidcSubject(place: Place, store: 'Postgres' | 'Redis'): Promise<Subject> {
  const env: Record<string, string> =
    store === 'Redis'
      ? { REDIS_URL: place.redisUrl }
      : { DATABASE_URL: await place.createDatabase('oidc_bench') }
  const name = `node-oidc-provider on ${store}`
  const file = join(import.meta.dirname, '../peers/oidc-provider.js')
  const { port, told, program } = await startChild<OidcTold>(place, { name, file, env })
  const { keys, clients } = told
  const web = { ...FORM_TYPE, ...basic('web', clients.web) }
  const opaque = { ...FORM_TYPE, ...basic('opaque', clients.opaque) }
  // Without `openid`, a refresh makes an access token and no ID token, as ours does.
  const plain = authorizePath('/auth', 'web', 'offline_access api')
  const openid = authorizePath('/auth', 'web', 'openid')

  async function refreshTokenOfSomebody(): Promise<string> {
    const callback = await openBrowser(port).follow(plain)
    const code = new URL(callback).searchParams.get('code') ?? ''
    return (await post<Tokens>(port, '/token', `${codeForm}&code=${code}`, web)).refresh_token
  }

  async function browserOfSomebody(): Promise<string> {
    const browser = openBrowser(port)
    await browser.follow(openid)
    return browser.cookieHeader()
  }

  const credentials = 'grant_type=client_credentials&scope=api'
  const opaqueTokens = keepFor(TOKENS_LAST_MS, () =>
    prepare(CONNECTIONS, () => post<Tokens>(port, '/token', credentials, opaque))
  )
  let browsers: Promise<string[]> | undefined
  return {
    name,
    port,
    program,
    scenarios: {
      refresh: async () => ({
        kind: 'refresh',
        path: '/token',
        headers: web,
        form: 'urlencoded',
        tokens: await prepare(CONNECTIONS, refreshTokenOfSomebody),
        keys
      }),
      'client credentials': () => ({
        kind: 'token',
        method: 'POST',
        path: '/token',
        headers: [web],
        body: credentials,
        field: 'access_token',
        isFresh: true,
        keys
      }),
      'verify-token': introspection,
      introspection,
      JWKS: () => ({ kind: 'fixed', path: '/jwks', expected: '"RS256"' }),
      metadata: () => ({
        kind: 'fixed',
        path: '/.well-known/openid-configuration',
        expected: '"token_endpoint"'
      }),
      'authorize → code → token': async () => {
        browsers ??= prepare(CONNECTIONS, browserOfSomebody)
        return {
          kind: 'code flow',
          authorize: openid,
          token: '/token',
          cookies: await browsers,
          headers: web,
          form: codeForm,
          keys
        }
      }
    }
  }

  async function introspection() {
    return {
      kind: 'fixed' as const,
      method: 'POST' as const,
      path: '/token/introspection',
      headers: [opaque],
      bodies: (await opaqueTokens()).map((tokens) => `token=${tokens.access_token}`),
      expected: '"active":true'
    }
  }
}

export async function betterAuthSubject(place: Place): Promise<Subject> {
  const file = join(import.meta.dirname, '../peers/better-auth.js')
  const env = { DATABASE_URL: await place.createDatabase('better_auth_bench') }
  const started = await startChild<{ origin: string }>(place, { name: 'better-auth', file, env })
  const { port, told, program } = started
  const headers = { ...JSON_TYPE, origin: told.origin }
  const person = (index: number) => ({ email: `person-${index}@example.com`, password: PASSWORD })

  async function cookieOf(index: number): Promise<string> {
    const answer = await fetch(`${told.origin}/api/auth/sign-up/email`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ ...person(index), name: 'Somebody' })
    })
    if (!answer.ok) throw new Error(`better-auth: ${answer.status} ${await answer.text()}`)
    return answer.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ')
  }

  const cookies = await prepare(CONNECTIONS, cookieOf)
  const cookieHeaders = cookies.map((cookie) => ({ cookie }))
  await getJson(port, '/api/auth/jwks') // makes its first key
  const { keys } = await getJson<{ keys: JsonWebKey[] }>(port, '/api/auth/jwks')
  return {
    name: 'better-auth',
    port,
    program,
    scenarios: {
      refresh: () => ({
        kind: 'token',
        path: '/api/auth/token',
        headers: cookieHeaders,
        field: 'token',
        isFresh: false, // a second's tokens are alike: they have no `jti`
        keys
      }),
      'verify-token': session,
      introspection: session,
      JWKS: () => ({ kind: 'fixed', path: '/api/auth/jwks', expected: '"RS256"' }),
      login: () => ({
        kind: 'login',
        path: '/api/auth/sign-in/email',
        headers,
        bodies: times(CONNECTIONS, (n) => JSON.stringify(person(n))),
        expected: '"token"',
        keys: null
      }),
      register: () => ({
        kind: 'register',
        path: '/api/auth/sign-up/email',
        headers,
        body: { name: 'Somebody', password: PASSWORD },
        domain: `round-${registrations++}.example.com`,
        expected: '"token"',
        status: 200
      })
    }
  }

  function session() {
    const path = '/api/auth/get-session'
    return { kind: 'fixed' as const, path, headers: cookieHeaders, expected: '"expiresAt"' }
  }
}

type LimitTold = { keys: JsonWebKey[]; tokens: string[] }

/** Bare Fastify. */
export async function limitSubject(place: Place) {
  const file = join(import.meta.dirname, 'limits/server.ts')
  const env = { DATABASE_URL: await place.createDatabase('limit_bench') }
  const started = await startChild<LimitTold>(place, { name: 'the limit', file, env })
  const { port, told, program } = started
  const hello = () => ({ kind: 'fixed' as const, path: '/hello', expected: '"hello":"world"' })
  const refresh = () => ({
    kind: 'refresh' as const,
    path: '/refresh',
    headers: JSON_TYPE,
    form: 'json' as const,
    ...told
  })
  return { port, program, hello, refresh }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const codeForm = new URLSearchParams({
  grant_type: 'authorization_code',
  redirect_uri: REDIRECT_URI,
  code_verifier: PKCE.verifier
}).toString()

function authorizePath(path: string, clientId: string, scope: string): string {
  const query = new URLSearchParams({
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope,
    state: 'af0ifjsldkj',
    code_challenge: PKCE.challenge,
    code_challenge_method: 'S256'
  })
  return `${path}?${query.toString()}`
}

async function logBrowserIn(port: number, email: string): Promise<string> {
  const browser = openBrowser(port, { 'sec-fetch-site': 'same-origin' })
  await browser.ask('POST', '/login', { email, password: PASSWORD })
  return browser.cookieHeader()
}
