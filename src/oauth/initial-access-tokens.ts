import { ProblemError } from '../errors.ts'
import { randomToken, sha256 } from '../lib/secrets.ts'
import type { ClientAct } from './client-admin-store.ts'
import type { InitialAccessToken, InitialAccessTokenStore } from './initial-access-token-store.ts'
import { DEFAULT_REGISTRATION_POLICY, type RegistrationPolicy } from './registration-policy.ts'

const DAY_SECONDS = 86_400

export type NewInitialAccessToken = Partial<RegistrationPolicy> & {
  name: string
  /** Null: until it is revoked. */
  expires_in_days?: number | null
}

export type InitialAccessTokens = ReturnType<typeof createInitialAccessTokens>

/** Tokens that let somebody register clients, within a policy (RFC 7591 §3). */
export function createInitialAccessTokens(store: InitialAccessTokenStore) {
  /** @returns the token, which is shown this once */
  async function create(
    { name, expires_in_days: days = null, ...policy }: NewInitialAccessToken,
    act: ClientAct
  ): Promise<{ entry: InitialAccessToken; token: string }> {
    // A name for secret scanners, and 256 bits.
    const token = `lki_${randomToken()}`
    const entry = await store.create(
      {
        name,
        tokenHash: new Uint8Array(sha256(token)),
        policy: { ...DEFAULT_REGISTRATION_POLICY, ...policy },
        ttlSeconds: days === null ? null : days * DAY_SECONDS
      },
      act
    )
    return { entry, token }
  }

  /** @throws {ProblemError} `not_found` */
  async function revoke(id: string, act: ClientAct): Promise<void> {
    if (await store.revoke(id, act)) return
    throw new ProblemError('not_found', 'There is no such initial access token.')
  }

  async function findLive(token: string): Promise<InitialAccessToken | null> {
    return store.findLive(new Uint8Array(sha256(token)))
  }

  return { create, revoke, findLive, list: store.list }
}
