import { openBrowser } from '../speed/browser.ts'
import { createOAuthClient } from '../speed/latchkey.ts'
import { PKCE } from '../speed/operations.ts'
import type { Answer, createClient } from './load.ts'
import { emailOf, PASSWORD, type Population } from './population.ts'

const REDIRECT_URI = 'https://shop.example/callback'
/** People who are logged in at the pages and grant again and again. */
const BROWSERS = 16

type Ask = ReturnType<typeof createClient>['ask']

/** An application and a service, and what they ask of a server. */
export async function openClients(
  env: Record<string, string>,
  ask: Ask,
  { users }: Pick<Population, 'users'>
) {
  const web = await createOAuthClient(env, [
    ...['Shop', '--first-party', '--redirect-uri', REDIRECT_URI]
  ])
  const service = await createOAuthClient(env, [
    ...['Orders', '--service', '--resource-server', '--scope', 'orders:read']
  ])
  const cookies: string[] = []
  for (let n = 0; n < BROWSERS; n += 1) {
    const browser = openBrowser(Number(env['PORT']), { 'sec-fetch-site': 'same-origin' })
    // Spread over the table, none of them disabled.
    const email = emailOf(Math.floor((n * users) / BROWSERS / 10) * 10)
    await browser.ask('POST', '/login', { email, password: PASSWORD })
    cookies.push(browser.cookieHeader())
  }
  let turn = 0

  const post = (path: string, client: { id: string; secret: string }, form: object) =>
    ask({
      method: 'POST',
      path,
      authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`,
      body: new URLSearchParams({ ...form }).toString()
    })

  async function introspect(token: string): Promise<Answer> {
    const answer = await post('/oauth/introspect', service, { token })
    if (answer.status === 200 && !answer.body.includes('"active":true'))
      throw new Error(answer.body)
    return answer
  }

  const clientCredentials = () =>
    post('/oauth/token', service, { grant_type: 'client_credentials', scope: 'orders:read' })

  const query = new URLSearchParams({
    client_id: web.id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: 'openid',
    code_challenge: PKCE.challenge,
    code_challenge_method: 'S256'
  })

  /** @returns the answer of the token endpoint, with the time of both */
  async function codeFlow(): Promise<Answer> {
    const cookie = cookies[turn++ % cookies.length] ?? ''
    const granted = await ask({ path: `/oauth/authorize?${query.toString()}`, cookie })
    if (granted.status === 503) return granted
    const code = new URL(granted.location ?? 'none:').searchParams.get('code')
    if (code === null) throw new Error(`${granted.status}: ${granted.body.slice(0, 200)}`)
    const answer = await post('/oauth/token', web, {
      grant_type: 'authorization_code',
      redirect_uri: REDIRECT_URI,
      code_verifier: PKCE.verifier,
      code
    })
    return { ...answer, tookMs: answer.tookMs + granted.tookMs }
  }

  return { introspect, clientCredentials, codeFlow }
}
