import { PKCE } from '../operations.ts'

const REDIRECT_URI = 'https://shop.example/callback'

/** What every client sends with a code. */
export const codeForm = new URLSearchParams({
  grant_type: 'authorization_code',
  redirect_uri: REDIRECT_URI,
  code_verifier: PKCE.verifier
}).toString()

export function authorizePath(path: string, clientId: string, scope: string): string {
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
