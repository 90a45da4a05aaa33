import { decodeProtectedHeader, jwtVerify, type JWTPayload } from 'jose'
import { OAuthError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ClientKeysOf } from '../client-keys.ts'
import type { Client } from '../client.ts'
import { isJwtFault } from '../jwt-fault.ts'
import { CLIENT_ALGS } from '../public-jwk.ts'
import { AuthorizationParameters } from './parameters.ts'

export type ReadRequestObject = ReturnType<typeof createRequestObjects>

export type RequestObjectsDeps = { keysOf: ClientKeysOf; clock: Clock; issuer: string }

/** What only the JWT around the parameters needs. */
const ENVELOPE = ['iss', 'aud', 'exp', 'iat', 'nbf', 'jti', 'sub']

/** Signed request objects by value (RFC 9101): nobody on the way can change what the client asks for. */
export function createRequestObjects({ keysOf, clock, issuer }: RequestObjectsDeps) {
  /**
   * The parameters that the client signed; what stands beside the object counts for nothing (§6.3).
   * @throws {OAuthError} `invalid_request_object`
   */
  return async function readRequestObject(
    client: Client,
    object: string
  ): Promise<AuthorizationParameters> {
    const payload = await verify(client, object)
    const claimed = Object.entries(payload).filter(([name]) => !ENVELOPE.includes(name))
    const parameters = Object.fromEntries(claimed.map(([name, value]) => [name, asText(value)]))
    const isNested = 'request' in parameters || 'request_uri' in parameters
    const isClients = parameters['client_id'] === undefined || parameters['client_id'] === client.id
    // With the first of them: it is 350 modules, and few clients send any.
    const { Value } = await import('typebox/value')
    if (isNested || !isClients || !Value.Check(AuthorizationParameters, parameters)) {
      throw refused('wrong parameters inside')
    }
    return { ...parameters, client_id: client.id }
  }

  async function verify(client: Client, object: string): Promise<JWTPayload> {
    try {
      const { kid, typ } = decodeProtectedHeader(object)
      // RFC 9101 §10.8: another kind of JWT of this client is no request.
      if (typ !== undefined && typ !== 'oauth-authz-req+jwt' && typ !== 'JWT') {
        throw refused('another kind of JWT')
      }
      const keys = await keysOf(client, kid)
      if (keys === null) throw refused('the client has no keys')
      const { payload } = await jwtVerify(object, keys, {
        // OpenID Connect Registration §2: one that was registered is the only one.
        algorithms: [client.metadata.request_object_signing_alg ?? CLIENT_ALGS].flat(),
        issuer: client.id,
        audience: issuer,
        currentDate: clock.now(),
        clockTolerance: 10
      })
      return payload
    } catch (error) {
      if (isJwtFault(error)) {
        throw refused('wrong signature, audience, issuer or time', error)
      }
      throw error
    }
  }
}

/** In a URL everything is text: `max_age` a number, `claims` an object in here. */
function asText(value: unknown): unknown {
  if (typeof value === 'number') return String(value)
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? JSON.stringify(value) : value
}

function refused(reason: string, cause?: unknown): OAuthError {
  return new OAuthError('invalid_request_object', 'The request object is not valid.', {
    reason,
    cause
  })
}
