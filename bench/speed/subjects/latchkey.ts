import type { JsonWebKey } from 'node:crypto'
import { openBrowser } from '../browser.ts'
import { emailOf, PASSWORD, type Latchkey } from '../latchkey.ts'
import {
  basic,
  CONNECTIONS,
  FORM_TYPE,
  getJson,
  JSON_TYPE,
  post,
  prepare,
  type Subject
} from '../operations.ts'
import { authorizePath, codeForm } from './code-flow.ts'
import { nextDomain, times } from './people.ts'
import { keepTokens, type Tokens } from './tokens.ts'

export async function latchkeySubject({ port, program, web, service }: Latchkey): Promise<Subject> {
  const { keys } = await getJson<{ keys: JsonWebKey[] }>(port, '/.well-known/jwks.json')
  const login = (index: number) => {
    const body = JSON.stringify({ email: emailOf(index), password: PASSWORD })
    return post<Tokens>(port, '/auth/login', body, JSON_TYPE)
  }
  const logins = () => prepare(CONNECTIONS, login)
  const liveTokens = keepTokens(logins)
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
        domain: nextDomain(),
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

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

async function logBrowserIn(port: number, email: string): Promise<string> {
  const browser = openBrowser(port, { 'sec-fetch-site': 'same-origin' })
  await browser.ask('POST', '/login', { email, password: PASSWORD })
  return browser.cookieHeader()
}
