import {
  canonicalTypedCode,
  hmacSha256,
  randomToken,
  randomTypedCode,
  sha256
} from '../../lib/secrets.ts'
import type { Clock } from '../../platform/clock.ts'
import type { DataKeys } from '../../platform/keys/data-keys.ts'
import type { Postgres, Transaction } from '../../platform/postgres.ts'

export const DEVICE_CODE_SECONDS = 600
export const POLL_INTERVAL_SECONDS = 5
/** Of 2^40 user codes one that is in use is next to never met. */
const INSERT_TRIES = 3

/** What a device asks for. */
export type DeviceRequest = { clientId: string; scope: string; audience: string[] }

export type DeviceStore = ReturnType<typeof createDeviceStore>

export type DeviceStoreDeps = {
  postgres: Postgres
  clock: Clock
  dataKeys: DataKeys
}

/** Device codes and the user codes beside them (RFC 8628). */
export function createDeviceStore({ postgres, clock, dataKeys }: DeviceStoreDeps) {
  /** @returns both codes, of which only hashes are kept */
  async function create(request: DeviceRequest): Promise<{ deviceCode: string; userCode: string }> {
    const deviceCode = randomToken()
    const createdAt = clock.now()
    const row = {
      ...request,
      deviceCodeHash: new Uint8Array(sha256(deviceCode)),
      intervalSeconds: POLL_INTERVAL_SECONDS,
      createdAt,
      expiresAt: new Date(createdAt.getTime() + DEVICE_CODE_SECONDS * 1_000)
    }
    for (let tries = 0; tries < INSERT_TRIES; tries += 1) {
      const userCode = randomTypedCode()
      const [userCodeHash = new Uint8Array()] = userCodeHashes(userCode)
      const { count } = await postgres.read((db) =>
        db.deviceAuthorization.createMany({
          data: [{ ...row, userCodeHash }],
          skipDuplicates: true
        })
      )
      if (count === 1) return { deviceCode, userCode }
    }
    throw new Error('No user code is free.')
  }

  /** A request that waits for somebody to decide; looking spends nothing. */
  async function findUndecided(typed: string): Promise<DeviceRequest | null> {
    return postgres.read((db) =>
      db.deviceAuthorization.findFirst({
        where: {
          userCodeHash: { in: userCodeHashes(typed) },
          isApproved: null,
          expiresAt: { gt: clock.now() }
        },
        select: { clientId: true, scope: true, audience: true }
      })
    )
  }

  /** Decides a request. Of any number of callers one does. @returns null when it was not this one */
  async function decide(
    tx: Transaction,
    typed: string,
    { userId, parentId, isApproved }: { userId: string; parentId: string; isApproved: boolean }
  ): Promise<DeviceRequest | null> {
    const hashes = userCodeHashes(typed)
    const [row] = await tx.$queryRaw<DeviceRequest[]>`
      UPDATE device_authorization
         SET is_approved = ${isApproved}, user_id = ${userId}::uuid, parent_id = ${parentId}::uuid
       WHERE user_code_hash = ANY (${hashes}::bytea[]) AND is_approved IS NULL
         AND expires_at > latchkey_now()
      RETURNING client_id AS "clientId", scope, audience`
    return row ?? null
  }

  /** 40 bits alone would be found by trying: the hash is keyed. One for each live key, newest first. */
  function userCodeHashes(typed: string): Uint8Array<ArrayBuffer>[] {
    const code = canonicalTypedCode(typed)
    if (code === null) return []
    return dataKeys
      .ofPurpose('typed_code')
      .map(({ key }) => new Uint8Array(hmacSha256(key, `device\0${code}`)))
  }

  return { create, findUndecided, decide }
}
