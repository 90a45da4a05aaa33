import { createHash, randomBytes } from 'node:crypto'
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from 'jose'
import type { Test } from 'tap'
import type { TestApp } from './app.ts'
import { startListeningApp } from './browser.ts'
import { givenUser, type TestUser } from './builders.ts'
import { openHttpBrowser, type HttpBrowser, type Rest } from './http-browser.ts'
import { givenClient, REDIRECT_URI, type TestClient } from './oauth.ts'

export type ResponseMode = 'query' | 'form_post'
type Parameters = Record<string, string | undefined>
type Asked = { parameters: Record<string, string>; browser: HttpBrowser }

export type Flow = {
  rest: Rest
  browser: HttpBrowser
  tokenForm: Record<string, string>
  tokens: Record<string, string>
  idToken: JWTPayload
  userinfo: Record<string, unknown>
}

export type Conformance = Awaited<ReturnType<typeof startConformance>>

/**
 * What the OpenID Foundation's conformance suite does with a server: a confidential client without PKCE,
 * a new `state` and `nonce` each time, the discovery document for every address, plain HTML for a browser.
 */
export async function startConformance(
  t: Test,
  mode: ResponseMode,
  env: Record<string, string> = {}
) {
  const app = await startListeningApp(t, env)
  const people = await Promise.all(
    ['one', 'two', 'three'].map(async (name) => givenPerson(app, name))
  )
  const personOf = new WeakMap<HttpBrowser, TestUser>()
  let turns = 0

  /** Who sits at a browser. They take turns: nobody may log in more than twenty times in a few minutes. */
  function whoIsAt(browser: HttpBrowser): TestUser {
    const person = personOf.get(browser) ?? people[(turns += 1) % people.length]
    if (person === undefined) throw new Error('There is nobody.')
    personOf.set(browser, person)
    return person
  }
  const metadata = (await (
    await fetch(`${app.issuer}/.well-known/openid-configuration`)
  ).json()) as Record<string, string>
  const keys = createRemoteJWKSet(new URL(metadata['jwks_uri'] ?? ''))
  const home = 'https://shop.example/bye'
  const registered = {
    require_pkce: false,
    scope: 'openid profile email phone address offline_access',
    post_logout_redirect_uris: [home]
  }
  const client = await givenClient(app, registered)
  const poster = await givenClient(app, {
    ...registered,
    token_endpoint_auth_method: 'client_secret_post'
  })

  /** Hears of logouts, where the environment lets the server out. */
  const { OUTBOUND_ALLOWED_HOSTS: host } = env
  const listener = await givenClient(app, {
    ...registered,
    backchannel_logout_uri: host === undefined ? null : `http://${host}/logout`
  })

  let laterBySeconds = 0

  /** Lets time pass, where the suite waits. */
  async function pass(seconds: number): Promise<void> {
    laterBySeconds += seconds
    await app.moveTime(laterBySeconds)
  }

  function ask(of: TestClient, more: Parameters, browser = openHttpBrowser(app.issuer)): Asked {
    const all: Parameters = {
      client_id: of.id,
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      scope: 'openid',
      state: randomBytes(8).toString('hex'),
      nonce: randomBytes(8).toString('hex'),
      ...(mode === 'form_post' && { response_mode: mode }),
      ...more
    }
    const said = Object.entries(all).filter(
      (pair): pair is [string, string] => pair[1] !== undefined
    )
    return { parameters: Object.fromEntries(said), browser }
  }

  /** Sends a browser and gives where it came to rest. */
  async function authorize({ parameters, browser }: Asked): Promise<Rest> {
    const url = new URL(metadata['authorization_endpoint'] ?? '')
    url.search = new URLSearchParams(parameters).toString()
    return browser.visit(url, whoIsAt(browser))
  }

  /** The same by a POST of another site, which brings no cookie along. */
  async function authorizeByPost({ parameters, browser }: Asked): Promise<Rest> {
    const url = new URL(metadata['authorization_endpoint'] ?? '')
    const answer = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(parameters)
    })
    return browser.visit(new URL(answer.headers.get('location') ?? '', url), whoIsAt(browser))
  }

  async function post(endpoint: string, form: Record<string, string>, of: TestClient = client) {
    const isPost = of.id === poster.id
    const pair = Buffer.from(`${of.id}:${of.secret ?? ''}`).toString('base64')
    const body = { ...form, ...(isPost && { client_id: of.id, client_secret: of.secret ?? '' }) }
    const answer = await fetch(metadata[endpoint] ?? '', {
      method: 'POST',
      headers: isPost ? {} : { authorization: `Basic ${pair}` },
      body: new URLSearchParams(body)
    })
    const text = await answer.text()
    return {
      status: answer.status,
      headers: answer.headers,
      body: JSON.parse(text || 'null') as Record<string, string>
    }
  }

  async function callUserinfo(token: string, init: RequestInit = {}) {
    const authorization = { authorization: `Bearer ${token}` }
    const answer = await fetch(metadata['userinfo_endpoint'] ?? '', {
      headers: authorization,
      ...init
    })
    const type = answer.headers.get('content-type') ?? ''
    return { status: answer.status, type, body: (await answer.json()) as Record<string, unknown> }
  }

  /** The checks of an ID token (OpenID Connect Core §3.1.3.7). */
  async function check(t: Test, tokens: Record<string, string>, of: TestClient, nonce?: string) {
    const { payload, protectedHeader } = await jwtVerify(tokens['id_token'] ?? '', keys, {
      issuer: String(metadata['issuer']),
      audience: of.id,
      algorithms: ['RS256']
    })
    t.ok(protectedHeader.kid)
    t.equal(payload['nonce'], nonce)
    const left = createHash('sha256')
      .update(tokens['access_token'] ?? '')
      .digest()
      .subarray(0, 16)
    t.equal(payload['at_hash'], left.toString('base64url'))
    return payload
  }

  /** From the callback to userinfo. */
  async function complete(
    t: Test,
    { parameters, browser }: Asked,
    rest: Rest,
    {
      of = client,
      tokenForm: more = {}
    }: { of?: TestClient; tokenForm?: Record<string, string> } = {}
  ): Promise<Flow> {
    t.equal(
      rest.told['error'],
      undefined,
      rest.told['error_description'] ?? rest.html.slice(0, 300)
    )
    t.equal(rest.url.origin + rest.url.pathname, REDIRECT_URI)
    t.equal(rest.request.method, mode === 'form_post' ? 'POST' : 'GET')
    t.equal(rest.told['state'], parameters['state'])
    t.equal(rest.told['iss'], metadata['issuer'])
    const tokenForm = {
      grant_type: 'authorization_code',
      code: rest.told['code'] ?? '',
      redirect_uri: REDIRECT_URI,
      ...more
    }
    const { status, headers, body: tokens } = await post('token_endpoint', tokenForm, of)
    t.equal(status, 200)
    t.match(headers.get('cache-control'), /no-store/)
    t.equal(tokens['token_type'], 'Bearer')
    const idToken = await check(t, tokens, of, parameters['nonce'])
    const { status: known, body: userinfo } = await callUserinfo(tokens['access_token'] ?? '')
    t.equal(known, 200)
    t.equal(userinfo['sub'], idToken.sub)
    return { rest, browser, tokenForm, tokens, idToken, userinfo }
  }

  /** A whole flow, with these changes to the request. */
  async function run(
    t: Test,
    more: Parameters = {},
    {
      of = client,
      browser,
      tokenForm = {}
    }: { of?: TestClient; browser?: HttpBrowser; tokenForm?: Record<string, string> } = {}
  ): Promise<Flow> {
    const asked = ask(of, more, browser)
    return complete(t, asked, await authorize(asked), { of, tokenForm })
  }

  return {
    app,
    whoIsAt,
    pass,
    metadata,
    client,
    poster,
    listener,
    home,
    ask,
    authorize,
    authorizeByPost,
    complete,
    run,
    post,
    callUserinfo,
    check
  }
}

async function givenPerson(app: TestApp, name: string): Promise<TestUser> {
  return givenUser(app, {
    name: 'Ada',
    surname: 'Lovelace',
    username: `countess-${name}`,
    phone_number: '+441632960961'
  })
}
