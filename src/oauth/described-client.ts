import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { OAuthError } from '../errors.ts'
import {
  DEFAULT_ALGORITHM,
  SIGNING_ALGORITHMS,
  type SigningAlgorithm
} from '../signing/algorithm.ts'
import { CLIENT_EXTRAS, EXTRA_NAMES, Uri } from './client-extras.ts'
import type { ClientChangesBody } from './client-metadata.ts'
import { invalidMetadata, isPrivateUse } from './client-soundness.ts'
import { isPublicKey, isSecretKey, PublicJwk } from './public-jwk.ts'

const Uris = Type.Array(Uri, { maxItems: 20 })
const Names = Type.Array(Type.String({ maxLength: 128 }), { maxItems: 20 })
const Name = Type.String({ maxLength: 128 })

/** One line of visible text: a stranger chose it, and people are shown it. */
const ShownName = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: '^[^\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]*$'
})

/** What a client says of itself (RFC 7591 §2). What is not listed here is ignored, as that section has it. */
export const DescribedClient = Type.Partial(
  Type.Object({
    ...CLIENT_EXTRAS,
    client_name: ShownName,
    redirect_uris: Uris,
    post_logout_redirect_uris: Uris,
    backchannel_logout_uri: Uri,
    token_endpoint_auth_method: Name,
    grant_types: Names,
    response_types: Names,
    scope: Type.String({ maxLength: 2_048 }),
    subject_type: Type.Enum(['public', 'pairwise']),
    jwks: Type.Object({
      keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 20 })
    }),
    jwks_uri: Uri,
    require_pushed_authorization_requests: Type.Boolean(),
    dpop_bound_access_tokens: Type.Boolean(),
    id_token_signed_response_alg: Name,
    id_token_encrypted_response_alg: Name,
    userinfo_encrypted_response_alg: Name,
    request_object_encryption_alg: Name
  })
)
export type DescribedClient = Static<typeof DescribedClient>

/** The parts of a description that need no policy to be judged. */
export type Described = ClientChangesBody & { client_name: string; redirect_uris: string[] }

/**
 * What is understood of a description.
 * @throws {OAuthError} `invalid_redirect_uri`, `invalid_client_metadata`: what would not work as it says
 */
export function readDescription(body: DescribedClient): Described {
  refuseUnsupported(body)
  const { redirect_uris = [], post_logout_redirect_uris = [], application_type = 'web' } = body
  if (application_type === 'web' && redirect_uris.some(isPrivateUse)) {
    throw new OAuthError(
      'invalid_redirect_uri',
      'A URI scheme of its own is for application_type native.'
    )
  }
  const extras = EXTRA_NAMES.map((name) => [name, body[name]] as const)
  return {
    ...(Object.fromEntries(extras.filter(([, value]) => value !== undefined)) as object),
    application_type,
    client_name: body.client_name ?? nameOf(redirect_uris),
    redirect_uris,
    post_logout_redirect_uris,
    backchannel_logout_uri: body.backchannel_logout_uri ?? null,
    subject_type: body.subject_type ?? 'public',
    jwks: body.jwks === undefined ? null : publicKeys(body.jwks),
    jwks_uri: body.jwks_uri ?? null,
    require_pushed_authorization_requests: body.require_pushed_authorization_requests ?? false,
    dpop_bound_access_tokens: body.dpop_bound_access_tokens ?? false,
    id_token_signed_response_alg: ringOf(body.id_token_signed_response_alg)
  }
}

const ENCRYPTED = [
  'id_token_encrypted_response_alg',
  'userinfo_encrypted_response_alg',
  'request_object_encryption_alg'
] as const

/** Protection that was asked for and is not there must not be passed over in silence. */
function refuseUnsupported(body: DescribedClient): void {
  for (const name of ENCRYPTED) {
    if (body[name] !== undefined) throw invalidMetadata(`${name} is not supported.`)
  }
}

/** Whether this server has that ring, {@link createRingRule} knows. */
function ringOf(alg: string = DEFAULT_ALGORITHM): SigningAlgorithm {
  const known = SIGNING_ALGORITHMS.find((candidate) => candidate === alg)
  if (known !== undefined) return known
  throw invalidMetadata(`id_token_signed_response_alg must be of: ${SIGNING_ALGORITHMS.join(', ')}`)
}

/** Keys of kinds that nobody here knows are passed over (RFC 7517 §5); a private one is an accident. */
function publicKeys({ keys }: { keys: Record<string, unknown>[] }): { keys: PublicJwk[] } {
  if (keys.some(isSecretKey)) throw invalidMetadata('jwks must hold public keys only.')
  const known = Object.keys(PublicJwk.properties)
  const usable = keys.filter(isPublicKey).map((key) => {
    return Object.fromEntries(Object.entries(key).filter(([name]) => known.includes(name)))
  })
  if (usable.length === 0) {
    throw invalidMetadata(
      'jwks holds no key that is known here: RSA of 2048 bits or more, EC P-256, or Ed25519.'
    )
  }
  if (!usable.every(isKept)) throw invalidMetadata('jwks holds a key with a malformed member.')
  return { keys: usable }
}

/** As an administrator's has to be: it is kept, and Postgres does not take every text. */
function isKept(key: Record<string, unknown>): key is PublicJwk {
  return Value.Check(PublicJwk, key)
}

function nameOf([uri = '']: string[]): string {
  const host = URL.parse(uri)?.host ?? ''
  return host === '' ? 'An application without a name' : host
}

/** What of `asked` lies within `allowed`; all of it where nothing is asked for. */
export function scopeWithin(allowed: string, asked: string | undefined): string {
  const bounds = allowed.split(' ').filter((scope) => scope !== '')
  const wanted = asked?.split(' ').filter((scope) => scope !== '') ?? []
  if (wanted.length === 0) return bounds.join(' ')
  const granted = bounds.filter((scope) => wanted.includes(scope))
  if (granted.length === 0) throw invalidMetadata(`scope must be of: ${bounds.join(' ')}`)
  return granted.join(' ')
}
