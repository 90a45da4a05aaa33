import { OAuthError } from '../../errors.ts'
import { isRegisteredRedirect, type Client } from '../client.ts'
import type { AuthorizationParameters } from './parameters.ts'

/** Where an answer goes: to the letter what the client registered. */
export type Destination = { redirectUri: string; responseMode: 'query' | 'form_post' }

/** A request whose client and destination are right. What is wrong with it from here on, the client is told. */
export type Addressed = { client: Client; to: Destination; parameters: AuthorizationParameters }

/** A code, or an error that the client is told (RFC 6749 §4.1.2). */
export type AuthorizationResponse = {
  kind: 'answer'
  to: Destination
  parameters: Record<string, string>
}

/** @throws {OAuthError} when the destination is not one of the client's: nothing is sent there (SECURITY O1) */
export function address(client: Client, parameters: AuthorizationParameters): Addressed {
  const { redirect_uri: redirectUri, response_mode: responseMode } = parameters
  if (redirectUri === undefined || !isRegisteredRedirect(client, redirectUri)) {
    throw new OAuthError('invalid_request', 'redirect_uri is not one that the client registered.')
  }
  const to = {
    redirectUri,
    responseMode: responseMode === 'form_post' ? ('form_post' as const) : ('query' as const)
  }
  return { client, to, parameters }
}

/** What clients are told: with their `state`, and by whom (RFC 9207). */
export function createResponses(issuer: string) {
  function respond(
    { to, parameters: { state } }: Addressed,
    told: Record<string, string>
  ): AuthorizationResponse {
    const parameters = { ...told, ...(state !== undefined && { state }), iss: issuer }
    return { kind: 'answer', to, parameters }
  }

  /** From here on the client is told what is wrong. */
  async function answering<Outcome>(
    addressed: Addressed,
    work: () => Promise<Outcome>
  ): Promise<Outcome | AuthorizationResponse> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof OAuthError) || error instanceof GoneError) throw error
      return respond(addressed, { error: error.code, error_description: error.description })
    }
  }

  return { respond, answering }
}

/** A waiting request that was answered, has expired, or never was: the client cannot be told. */
class GoneError extends OAuthError {}

export function gone(): OAuthError {
  return new GoneError(
    'invalid_request',
    'This page has expired or was used. Go back to the application and start again.'
  )
}
