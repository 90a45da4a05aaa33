import { timingSafeEqual } from 'node:crypto'
import { OAuthError } from '../errors.ts'
import { sha256 } from '../lib/secrets.ts'
import { isPublic, type Client } from './client.ts'
import type { KnownClient } from './client-memory.ts'

/** The parameters by which a client may prove itself in a form (RFC 6749 §2.3.1, RFC 7523 §2.2). */
export type ClientParameters = {
  client_id?: string | undefined
  client_secret?: string | undefined
  client_assertion?: string | undefined
  client_assertion_type?: string | undefined
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Checks a client's signed assertion and spends its `jti` (RFC 7523 §3). */
export type VerifyAssertion = (client: Client, assertion: string) => Promise<boolean>

export type AuthenticateClient = ReturnType<typeof createClientAuthentication>

export type ClientAuthenticationDeps = {
  findClient: (id: string) => Promise<Client | null>
  verifyAssertion: VerifyAssertion
}

type Shown =
  | { method: 'client_secret_basic' | 'client_secret_post'; id: string; secret: string }
  | { method: 'private_key_jwt'; id: string; assertion: string }
  | { method: 'none'; id: string }

/** Who calls: one way of proving it per request, and the way that the client is registered for. */
export function createClientAuthentication({
  findClient,
  verifyAssertion
}: ClientAuthenticationDeps) {
  /** @throws {OAuthError} `invalid_client`, `invalid_request` when two ways are mixed */
  return async function authenticateClient(
    authorization: string | undefined,
    form: ClientParameters
  ): Promise<Client> {
    const shown = read(authorization, form)
    const client = await findClient(shown.id)
    if (client === null) throw invalidClient('no such client, or disabled')
    if (client.authMethod !== shown.method) {
      throw invalidClient(`registered for ${client.authMethod}, shown ${shown.method}`)
    }
    if (!(await holds(client, shown))) throw invalidClient('wrong secret or assertion')
    return client
  }

  async function holds(client: Client, shown: Shown): Promise<boolean> {
    switch (shown.method) {
      case 'client_secret_basic':
      case 'client_secret_post':
        return isSecretOf(client, shown.secret)
      case 'private_key_jwt':
        return verifyAssertion(client, shown.assertion)
      case 'none':
        return isPublic(client)
    }
  }
}

/** A client as it was read before, and how somebody proved to be it: whether both hold is for a statement to say. */
export type RecalledClient = KnownClient & {
  /** The secret's that was shown; null for a client without one. */
  secretHash: Uint8Array | null
}

export type RecallProven = ReturnType<typeof createProofReader>

/**
 * A client that has shown the right secret, from memory.
 * @returns null where {@link AuthenticateClient} has to say: this says nothing against a caller
 */
export type RecallCaller = (
  authorization: string | undefined,
  form: ClientParameters
) => Client | null

/** The plain ways of proving who calls, against clients that were read before: those that `recallClient` gives. */
export function createProofReader(recallClient: (id: string) => KnownClient | null) {
  /** @returns null for every other way, and for what is to be refused */
  return function recallProven(
    authorization: string | undefined,
    form: ClientParameters
  ): RecalledClient | null {
    const shown = readOrNull(authorization, form)
    const known = shown === null ? null : recallClient(shown.id)
    if (shown === null || known?.client.authMethod !== shown.method) return null
    if (shown.method === 'none') return { ...known, secretHash: null }
    const secretHash = 'secret' in shown ? secretHashOf(known.client, shown.secret) : undefined
    return secretHash === undefined ? null : { ...known, secretHash }
  }
}

function readOrNull(authorization: string | undefined, form: ClientParameters): Shown | null {
  try {
    return read(authorization, form)
  } catch (error) {
    if (error instanceof OAuthError) return null
    throw error
  }
}

function isSecretOf(client: Client, secret: string): boolean {
  return secretHashOf(client, secret) !== undefined
}

function secretHashOf({ secretHashes }: Client, secret: string): Uint8Array | undefined {
  const hash = sha256(secret)
  return secretHashes.filter((known) => timingSafeEqual(hash, known))[0]
}

/** @throws {OAuthError} `invalid_request` for two ways at once (RFC 6749 §2.3), `invalid_client` for none */
function read(authorization: string | undefined, form: ClientParameters): Shown {
  const { client_id: id, client_secret: secret, client_assertion: assertion } = form
  const ways = [authorization, secret, assertion].filter((way) => way !== undefined)
  if (ways.length > 1) {
    throw new OAuthError('invalid_request', 'Authenticate the client in one way, not in several.')
  }
  if (authorization !== undefined) {
    const basic = readBasic(authorization)
    if (id !== undefined && id !== basic.id) {
      throw new OAuthError('invalid_request', 'client_id differs from the Authorization header.')
    }
    return { method: 'client_secret_basic', ...basic }
  }
  if (assertion !== undefined) {
    if (form.client_assertion_type !== ASSERTION_TYPE) {
      throw new OAuthError('invalid_request', `client_assertion_type must be ${ASSERTION_TYPE}.`)
    }
    const subject = subjectOf(assertion)
    if (id !== undefined && id !== subject) throw invalidClient('assertion of another client')
    return { method: 'private_key_jwt', id: subject, assertion }
  }
  if (id === undefined) throw invalidClient('no client named')
  if (secret !== undefined) return { method: 'client_secret_post', id, secret }
  return { method: 'none', id }
}

/** Id and secret are form-encoded inside (RFC 6749 §2.3.1). */
function readBasic(authorization: string): { id: string; secret: string } {
  const encoded = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization)?.[1]
  const text = Buffer.from(encoded ?? '', 'base64').toString()
  const colonAt = text.indexOf(':')
  const id = decodeForm(text.slice(0, Math.max(colonAt, 0)))
  const secret = decodeForm(text.slice(colonAt + 1))
  if (encoded === undefined || colonAt < 1 || id === null || secret === null) {
    throw invalidClient('malformed Authorization header')
  }
  return { id, secret }
}

function decodeForm(text: string): string | null {
  if (/^[\w.-]*$/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}

/** Whose assertion it says it is; nothing is believed before its signature has been checked. */
function subjectOf(assertion: string): string {
  try {
    const payload = Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()
    const { sub } = JSON.parse(payload) as { sub?: unknown }
    if (typeof sub === 'string') return sub
  } catch {
    // Not a JWT: told like every other wrong assertion.
  }
  throw invalidClient('malformed assertion')
}

/** One text for every reason (RFC 6749 §5.2). */
function invalidClient(reason: string): OAuthError {
  return new OAuthError('invalid_client', 'Client authentication failed.', { reason })
}
