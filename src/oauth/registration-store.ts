import type { Postgres } from '../platform/postgres.ts'
import { kept } from './client-admin-store.ts'
import type { KeptClient } from './client-policy.ts'
import type { RegistrationPolicy } from './registration-policy.ts'

/** A client that showed its registration access token. */
export type RegisteredClient = {
  client: KeptClient
  /** That of its initial access token; null when it was registered without one. */
  policy: RegistrationPolicy | null
  secretHashes: Uint8Array[]
}

export type RegistrationStore = ReturnType<typeof createRegistrationStore>

export function createRegistrationStore(postgres: Postgres) {
  /** @returns null for a token that is not this client's, and for a client that is disabled */
  async function find(
    id: string,
    registrationTokenHash: Uint8Array<ArrayBuffer>
  ): Promise<RegisteredClient | null> {
    const row = await postgres.read((db) =>
      db.client.findFirst({
        where: { id, registrationTokenHash, disabledAt: null },
        include: { initialAccessToken: true, secrets: true }
      })
    )
    if (row === null) return null
    const { initialAccessToken, secrets, ...client } = row
    return {
      client: kept(client),
      policy: (initialAccessToken?.policy ?? null) as RegistrationPolicy | null,
      secretHashes: secrets.map(({ secretHash }) => secretHash)
    }
  }

  return { find }
}
