import type { TestApp } from './app.ts'
import { givenUser, type TestUser } from './builders.ts'
import {
  authorizeUrl,
  basic,
  callbackOf,
  givenCode,
  openBrowser,
  pkcePair,
  postForm,
  redeem,
  type TestBrowser,
  type TestClient
} from './oauth.ts'

/** Somebody whose browser is logged in at the pages. */
export type Person = { user: TestUser; browser: TestBrowser }

export async function givenPerson(app: TestApp, form?: Record<string, string>): Promise<Person> {
  const user = await givenUser(app, form)
  const browser = openBrowser(app)
  const answer = await browser.login(user)
  if (answer.statusCode !== 303) throw new Error(`login: ${answer.body}`)
  return { user, browser }
}

export type TestTokens = {
  access_token: string
  refresh_token: string
  id_token: string
  token_type: string
  scope: string
}

/** The tokens at the end of the whole code flow. */
export async function givenTokens(
  app: TestApp,
  client: TestClient,
  person: Person,
  parameters: Record<string, string> = {}
): Promise<TestTokens> {
  const grant = await givenCode(app, client, parameters, person)
  const answer = await redeem(app, client, grant)
  if (answer.statusCode !== 200) throw new Error(`token: ${answer.body}`)
  return answer.json()
}

/** POSTs a form as the client, by whatever it proves itself with. */
export async function postAs(
  app: TestApp,
  client: TestClient,
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {}
) {
  return client.secret === null
    ? postForm(app, url, { ...form, client_id: client.id }, headers)
    : postForm(app, url, form, { ...basic(client), ...headers })
}

/** Refreshes as the client. */
export async function refreshAs(
  app: TestApp,
  client: TestClient,
  refreshToken: string,
  more: Record<string, string> = {},
  headers: Record<string, string> = {}
) {
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken, ...more }
  return postAs(app, client, '/oauth/token', form, headers)
}

/** An authorization request with PKCE. */
export function pkceUrl(client: TestClient, parameters: Record<string, string> = {}): string {
  return authorizeUrl(client, {
    code_challenge: pkcePair().challenge,
    code_challenge_method: 'S256',
    ...parameters
  })
}

/** Where a browser ends up with an authorization request: back at the application, or at a page of ours. */
export async function outcomeOf(browser: TestBrowser, url: string) {
  const answer = await browser.get(url)
  const location = answer.headers.location ?? ''
  const isAnswered = location !== '' && !location.startsWith('/')
  return {
    status: answer.statusCode,
    location,
    /** The page of ours, without its query. */
    page: location.startsWith('/') ? location.split('?')[0] : null,
    /** What the application is told. */
    told: isAnswered ? callbackOf(location) : null,
    body: answer.body,
    headers: answer.headers
  }
}

/** The waiting request that a redirect to one of our pages names. */
export function requestIdOf(location: string): string {
  const url = new URL(location, 'http://ours.invalid')
  const target = url.searchParams.get('continue')
  const query = target === null ? url : new URL(target, 'http://ours.invalid')
  return query.searchParams.get('request') ?? ''
}
