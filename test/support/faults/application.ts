import { createHash, randomBytes } from 'node:crypto'
import { cookiesOf, fromOwnPage } from './call.ts'
import { told, tokensOf, unforeseen, type Person } from './acts.ts'
import type { HeldSession, Ledger } from './ledger.ts'

const REDIRECT_URI = 'https://shop.example/callback'

export type Application = ReturnType<typeof createApplication>

/** A client of OAuth, made by an administrator; people have to let it in. */
export async function givenApplication(ledger: Ledger, admin: HeldSession) {
  const json = {
    client_name: 'Shop',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token']
  }
  const answer = await ledger.insist({ path: '/admin/clients', token: admin.accessToken, json })
  if (answer.status === 404) return undefined // a release that had none
  if (answer.status !== 201) throw unforeseen('client', answer)
  const { client_id: id } = answer.body['client'] as { client_id: string }
  return createApplication(ledger, { id, secret: answer.body['client_secret'] as string })
}

function createApplication(ledger: Ledger, client: { id: string; secret: string }) {
  const { insist, broken } = ledger
  const headers = {
    authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`
  }

  /** @returns the cookie of a browser that is logged in at the pages */
  async function openBrowser({ email, password }: Person): Promise<string> {
    const form = { email, password }
    const answer = await insist({ path: '/login', form, headers: fromOwnPage('') })
    if (answer.status !== 303) throw unforeseen('login page', answer)
    return cookiesOf(answer)
  }

  /** Asks for a code, and lets the application in. @returns null where it has to be asked anew */
  async function authorize(browser: string, challenge: string): Promise<string | null> {
    const query = new URLSearchParams({
      client_id: client.id,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      scope: 'openid offline_access',
      prompt: 'consent',
      state: 'af0ifjsldkj',
      code_challenge: challenge,
      code_challenge_method: 'S256'
    })
    const path = `/oauth/authorize?${String(query)}`
    const asked = await insist({ path, headers: fromOwnPage(browser) })
    const consent = new URL(asked.headers.location ?? '/', 'http://pages')
    const request = consent.searchParams.get('request')
    if (consent.pathname !== '/consent' || request === null) return null
    const form = { request, decision: 'allow' }
    const answer = await insist({ path: '/consent', form, headers: fromOwnPage(browser) })
    if (answer.headers.location === undefined) {
      if (answer.tries === 1) broken.lost.push(`an authorization request: ${told(answer)}`)
      return null
    }
    return new URL(answer.headers.location).searchParams.get('code')
  }

  /** The whole code flow. @returns null where an answer was lost on the way, and the code with it */
  async function logIn(browser: string) {
    const verifier = randomBytes(32).toString('base64url')
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const code = await authorize(browser, challenge)
    if (code === null) return null
    const grant = { grant_type: 'authorization_code', code, code_verifier: verifier }
    const call = { path: '/oauth/token', headers, form: { ...grant, redirect_uri: REDIRECT_URI } }
    const answer = await insist(call)
    if (answer.status !== 200) {
      if (answer.tries === 1) broken.wrongly401.push(`a code: ${told(answer)}`)
      return null
    }
    const session: HeldSession = { ...tokensOf(answer), isLive: true }
    return { session, code: call }
  }

  /** Logs in, refreshes, verifies, and is sent away; what it held must be refused from then on. */
  async function visit(browser: string): Promise<void> {
    const visit = await logIn(browser)
    if (visit === null) return
    const { session, code } = visit
    for (let turn = 0; turn < 3; turn += 1) {
      const form = { grant_type: 'refresh_token', refresh_token: session.refreshToken }
      const answer = await insist({ path: '/oauth/token', headers, form })
      if (answer.status !== 200) {
        broken.wrongly401.push(`an application's refresh: ${told(answer)}`)
        broken.lost.push("an application's session")
        return
      }
      Object.assign(session, tokensOf(answer))
    }
    const revoking = { token: session.refreshToken }
    await insist({ path: '/oauth/revoke', headers, form: revoking })
    const { accessToken, refreshToken } = session
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken }
    const introspecting = { path: '/oauth/userinfo', token: accessToken }
    ledger.refuse('a revoked application: access token', introspecting)
    ledger.refuse(
      'a revoked application: refresh token',
      { path: '/oauth/token', headers, form },
      {
        refused: [400]
      }
    )
    ledger.refuse('a spent code', code, { refused: [400] })
  }

  return { openBrowser, visit }
}
