import { randomBytes } from 'node:crypto'
import { ProblemError, validationFailed } from '../errors.ts'
import { randomToken, sha256 } from '../lib/secrets.ts'
import { FIRST_PARTY_CLIENT } from '../sessions/session.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { ClientAct, ClientAdminStore } from './client-admin-store.ts'
import type { ClientChangesBody, NewClientBody } from './client-metadata.ts'
import { toPolicy, toWireClient, type KeptClient } from './client-policy.ts'
import { hasSecret, isClientId, isDocumentId } from './client.ts'
import type { RequireRings } from './ring-rule.ts'
import type { RequireSector } from './sector.ts'

/** How long the secret before the newest still works, so that a fleet can change over. */
export const SECRET_OVERLAP_SECONDS = 24 * 3_600

/** A client with the secret that is shown this once; null for one that has none. */
export type CreatedClient = { client: KeptClient; secret: string | null }

export type Clients = ReturnType<typeof createClients>

export type ClientsDeps = {
  store: ClientAdminStore
  requireSector: RequireSector
  requireRings: RequireRings
  revocationFeed: Pick<RevocationFeed, 'announce'>
}

/** The applications that may use this server, as operators keep them. */
export function createClients(deps: ClientsDeps) {
  const { store, requireSector, requireRings, revocationFeed } = deps

  /** @throws {ProblemError} `client_id_taken` @throws {OAuthError} as {@link toPolicy} */
  async function create(body: NewClientBody, act: ClientAct): Promise<CreatedClient> {
    const { client_id: id = newClientId(), ...metadata } = body
    if (isReserved(id)) {
      throw new ProblemError('client_id_taken', 'This client_id is reserved. Choose another one.')
    }
    const policy = toPolicy(id, metadata)
    requireRings(policy)
    await requireSector(policy)
    const secret = hasSecret(policy.authMethod) ? newSecret() : null
    const client = await store.create(policy, secret === null ? null : hashOf(secret), act)
    if (client === null) throw new ProblemError('client_id_taken', 'This client_id is taken.')
    return { client, secret }
  }

  /** Changes what is named and leaves the rest. @throws {ProblemError} `not_found` @throws {OAuthError} */
  async function change(
    id: string,
    changes: ClientChangesBody,
    act: ClientAct
  ): Promise<KeptClient> {
    if (isDocumentId(id)) {
      throw new ProblemError('invalid_request', 'This client describes itself, at its client_id.')
    }
    const {
      client_id: _id,
      created_at: _at,
      registered_by: _by,
      disabled: _is,
      ...before
    } = toWireClient(await find(id))
    const policy = toPolicy(id, { ...before, ...changes })
    const { redirect_uris, sector_identifier_uri } = changes
    // What was chosen once stays as it is: its ring may be away for a while.
    if (
      'id_token_signed_response_alg' in changes ||
      'userinfo_signed_response_alg' in changes ||
      'access_token_signed_response_alg' in changes
    ) {
      requireRings(policy)
    }
    // What was checked once is not asked for again: its host may be away.
    if (redirect_uris !== undefined || sector_identifier_uri !== undefined) {
      await requireSector(policy)
    }
    return found(await store.replace(policy, act))
  }

  async function setDisabled(id: string, isDisabled: boolean, act: ClientAct): Promise<void> {
    revocationFeed.announce(found(await store.setDisabled(idOf(id), isDisabled, act)))
  }

  async function remove(id: string, act: ClientAct): Promise<void> {
    revocationFeed.announce(found(await store.remove(idOf(id), act)))
  }

  /** @returns the new secret; the one before works for a day more */
  async function rotateSecret(id: string, act: ClientAct): Promise<string> {
    const { authMethod } = await find(id)
    if (!hasSecret(authMethod)) {
      throw new ProblemError('invalid_request', `This client authenticates by ${authMethod}.`)
    }
    const secret = newSecret()
    const isRotated = await store.rotateSecret(id, hashOf(secret), SECRET_OVERLAP_SECONDS, act)
    found(isRotated ? isRotated : null)
    return secret
  }

  async function find(id: string): Promise<KeptClient> {
    return found(await store.find(idOf(id)))
  }

  /** By id, a page at a time. @throws {ProblemError} `validation_failed` for a cursor that is none */
  async function list(limit: number, after: string | undefined): Promise<KeptClient[]> {
    if (after !== undefined && !isClientId(after)) throw validationFailed('cursor', 'is not one')
    return store.list(limit, after)
  }

  return { create, change, setDisabled, remove, rotateSecret, find, list }
}

/** @returns an id that no person's can equal */
export function newClientId(): string {
  return `c_${randomBytes(12).toString('hex')}`
}

/** No client's subject may ever equal a person's (SECURITY O8); some names are routes, some are documents. */
function isReserved(id: string): boolean {
  const isName = id === FIRST_PARTY_CLIENT || id === 'initial-access-tokens'
  return isName || /^[0-9a-f]{8}-/i.test(id) || isDocumentId(id)
}

/** 256 bits, with a name for secret scanners. */
export function newSecret(): string {
  return `lks_${randomToken()}`
}

export function hashOf(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(sha256(secret))
}

function found<T>(value: T | null): T {
  if (value === null) throw new ProblemError('not_found', 'There is no such client.')
  return value
}

/** @throws {ProblemError} `not_found` for what can be no client's id */
function idOf(id: string): string {
  return found(isClientId(id) ? id : null)
}
