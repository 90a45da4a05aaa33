import { createHash, randomBytes } from 'node:crypto'
import type { NewClientBody } from '../../src/oauth/client-metadata.ts'
import type { TestApp } from './app.ts'
import { givenSession, givenUser, type TestUser } from './builders.ts'

export const REDIRECT_URI = 'https://shop.example/callback'

export type TestClient = { id: string; secret: string | null }

/** Somebody who may do everything, and their access token. */
export async function givenAdmin(app: TestApp): Promise<string> {
  const user = await givenUser(app)
  await app.sql("UPDATE users SET roles = '{admin,user}' WHERE id = $1", [user.id])
  return (await givenSession(app, user)).accessToken
}

const admins = new WeakMap<TestApp, Promise<string>>()

/** A client as an administrator makes one: confidential, with codes and refresh tokens, unless said otherwise. */
export async function givenClient(
  app: TestApp,
  metadata: Partial<NewClientBody> = {}
): Promise<TestClient> {
  const admin = admins.get(app) ?? givenAdmin(app)
  admins.set(app, admin)
  const body = { client_name: 'Shop', redirect_uris: [REDIRECT_URI], ...metadata }
  const headers = { authorization: `Bearer ${await admin}` }
  const answer = await app.post('/admin/clients', body, headers)
  if (answer.statusCode !== 201) throw new Error(`client: ${answer.body}`)
  const { client, client_secret: secret } = answer.json()
  return { id: client.client_id as string, secret: secret as string | null }
}

/** POSTs a form. */
export async function postForm(
  app: TestApp,
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {}
) {
  return app.app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: new URLSearchParams(form).toString()
  })
}

export function basic({ id, secret }: TestClient): Record<string, string> {
  const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret ?? '')}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** A browser: it keeps cookies, and its forms come from our own pages. */
export function openBrowser(app: TestApp) {
  const cookies = new Map<string, string>()

  async function send(method: 'GET' | 'POST', url: string, form?: Record<string, string>) {
    const answer = await app.app.inject({
      method,
      url,
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'sec-fetch-site': 'same-origin',
        ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' })
      },
      ...(form !== undefined && { payload: new URLSearchParams(form).toString() })
    })
    for (const { name, value, maxAge } of answer.cookies) {
      if (maxAge === 0 || value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    return answer
  }

  /** Follows redirects for as long as they stay here. */
  async function follow(url: string) {
    let answer = await send('GET', url)
    for (let hops = 0; hops < 10 && answer.statusCode === 303; hops += 1) {
      const next = String(answer.headers.location)
      if (!next.startsWith('/')) break
      answer = await send('GET', next)
      if (answer.statusCode === 200) return { answer, url: next }
    }
    return { answer, url: answer.headers.location ?? url }
  }

  async function login({ email, password }: TestUser, target?: string) {
    return send('POST', '/login', {
      email,
      password,
      ...(target !== undefined && { continue: target })
    })
  }

  return {
    get: (url: string) => send('GET', url),
    post: send.bind(null, 'POST'),
    follow,
    login,
    cookies
  }
}

export type TestBrowser = ReturnType<typeof openBrowser>

/** A verifier and its S256 challenge. */
export function pkcePair() {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** The URL that an application sends a browser to. */
export function authorizeUrl(client: TestClient, parameters: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    client_id: client.id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: 'openid',
    state: 'af0ifjsldkj',
    ...parameters
  })
  return `/oauth/authorize?${query.toString()}`
}

/** What came back to the application. */
export function callbackOf(location: unknown): Record<string, string> {
  return Object.fromEntries(new URL(String(location)).searchParams)
}

/** A person whose browser is logged in and who has let the client in. */
export async function givenCode(
  app: TestApp,
  client: TestClient,
  parameters: Record<string, string> = {},
  known?: { browser: TestBrowser; user: TestUser }
) {
  const user = known?.user ?? (await givenUser(app))
  const browser = known?.browser ?? openBrowser(app)
  if (known === undefined) await browser.login(user)
  const { verifier, challenge } = pkcePair()
  const url = authorizeUrl(client, {
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...parameters
  })
  let { answer } = { answer: await browser.get(url) }
  const location = String(answer.headers.location)
  if (location.startsWith('/consent')) {
    const request = new URL(location, 'http://x').searchParams.get('request') ?? ''
    answer = await browser.post('/consent', { request, decision: 'allow' })
  }
  const { code } = callbackOf(answer.headers.location)
  if (code === undefined)
    throw new Error(
      `authorize: ${answer.statusCode} ${String(answer.headers.location)} ${answer.body}`
    )
  return { user, browser, verifier, code }
}

/** The form that trades a code. */
export function codeForm({ code, verifier }: { code: string; verifier: string }) {
  return {
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: verifier
  }
}

/** Trades a code. */
export async function redeem(
  app: TestApp,
  client: TestClient,
  given: { code: string; verifier: string },
  more: Record<string, string> = {}
) {
  const form = { ...codeForm(given), ...more }
  return client.secret === null
    ? postForm(app, '/oauth/token', { ...form, client_id: client.id })
    : postForm(app, '/oauth/token', form, basic(client))
}
