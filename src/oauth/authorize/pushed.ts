import { OAuthError } from '../../errors.ts'
import { isRegisteredRedirect, type Client } from '../client.ts'
import type { AuthorizationParameters } from './parameters.ts'
import type { ReadRequestObject } from './request-object.ts'
import { PUSHED_SECONDS, type RequestStore } from './request-store.ts'
import { readRequest } from './request.ts'

/** RFC 9126 §2.2: the reference is as good as the request, so it cannot be guessed. */
const REQUEST_URI_PREFIX = 'urn:ietf:params:oauth:request_uri:'

export type ReadParameters = ReturnType<typeof createParameterReader>

export type ParameterReaderDeps = {
  findClient: (id: string) => Promise<Client | null>
  readRequestObject: ReadRequestObject
  requests: RequestStore
}

/** Where the parameters of a request come from: the URL, a signed object, or what the client pushed beforehand. */
export function createParameterReader(deps: ParameterReaderDeps) {
  const { findClient, readRequestObject, requests } = deps

  /** @throws {OAuthError} */
  return async function readParameters(
    shown: AuthorizationParameters
  ): Promise<{ client: Client; parameters: AuthorizationParameters }> {
    const asked = withoutEmpty(shown)
    const client = asked.client_id === undefined ? null : await findClient(asked.client_id)
    if (client === null) {
      throw new OAuthError('invalid_request', 'client_id names no client of this server.')
    }
    if (asked.request_uri !== undefined) {
      return { client, parameters: await takePushed(client, asked.request_uri) }
    }
    if (client.requirePar) {
      throw new OAuthError('invalid_request', 'This client has to push its requests (RFC 9126).')
    }
    if (asked.request === undefined) return { client, parameters: asked }
    return { client, parameters: await readRequestObject(client, asked.request) }
  }

  async function takePushed(client: Client, uri: string): Promise<AuthorizationParameters> {
    if (!uri.startsWith(REQUEST_URI_PREFIX)) {
      throw new OAuthError('request_uri_not_supported', 'request_uri is for pushed requests only.')
    }
    const id = uri.slice(REQUEST_URI_PREFIX.length)
    const parameters = await requests.takePushed(id, client.id)
    if (parameters !== null) return parameters
    throw new OAuthError('invalid_request_uri', 'request_uri is unknown, was used, or has expired.')
  }
}

/** RFC 9126 §2.2. `expires_in` is seconds. */
export type PushedAnswer = { request_uri: string; expires_in: number }

export type PushRequest = ReturnType<typeof createRequestPusher>

export type RequestPusherDeps = Pick<ParameterReaderDeps, 'readRequestObject' | 'requests'>

/** Pushed authorization requests (RFC 9126): checked before any browser sees them. */
export function createRequestPusher({ readRequestObject, requests }: RequestPusherDeps) {
  /**
   * @param dpopJkt the key of a proof that came along: the code will be bound to it (RFC 9449 §10.1)
   * @throws {OAuthError} what is wrong with the request, told to its client
   */
  return async function push(
    client: Client,
    shown: AuthorizationParameters,
    dpopJkt: string | null
  ): Promise<PushedAnswer> {
    if (shown.request_uri !== undefined) {
      throw new OAuthError('invalid_request', 'A pushed request holds no request_uri.')
    }
    const asked = withoutEmpty(shown)
    const parameters =
      asked.request === undefined ? asked : await readRequestObject(client, asked.request)
    const { redirect_uri: redirectUri, dpop_jkt: askedJkt } = parameters
    if (redirectUri === undefined || !isRegisteredRedirect(client, redirectUri)) {
      throw new OAuthError('invalid_request', 'redirect_uri is not one that the client registered.')
    }
    if (dpopJkt !== null && askedJkt !== undefined && askedJkt !== dpopJkt) {
      throw new OAuthError('invalid_dpop_proof', 'dpop_jkt is not the key of the proof.')
    }
    readRequest(parameters, client)
    const bound = dpopJkt === null ? parameters : { ...parameters, dpop_jkt: dpopJkt }
    const id = await requests.push(client.id, bound)
    return { request_uri: REQUEST_URI_PREFIX + id, expires_in: PUSHED_SECONDS }
  }
}

/** An empty value is as if it were not there (RFC 6749 §3.1). */
function withoutEmpty(parameters: AuthorizationParameters): AuthorizationParameters {
  return Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== ''))
}
