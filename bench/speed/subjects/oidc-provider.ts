import type { JsonWebKey } from 'node:crypto'
import { join } from 'node:path'
import { openBrowser } from '../browser.ts'
import { startChild } from '../child-server.ts'
import { basic, CONNECTIONS, FORM_TYPE, post, prepare, type Subject } from '../operations.ts'
import type { Place } from '../place.ts'
import { authorizePath, codeForm } from './code-flow.ts'
import { keepTokens, type Tokens } from './tokens.ts'

type OidcTold = { keys: JsonWebKey[]; clients: { web: string; opaque: string } }

/** node-oidc-provider, on Postgres or on Redis. */
export async function oidcSubject(place: Place, store: 'Postgres' | 'Redis'): Promise<Subject> {
  const env: Record<string, string> =
    store === 'Redis'
      ? { REDIS_URL: place.redisUrl }
      : { DATABASE_URL: await place.createDatabase('oidc_bench') }
  const name = `node-oidc-provider on ${store}`
  const file = join(import.meta.dirname, '../../peers/oidc-provider.js')
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
  const opaqueTokens = keepTokens(() =>
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
