import { randomToken, sha256 } from '../../lib/secrets.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Sealer } from '../../platform/keys/sealer.ts'
import type { Postgres, Transaction } from '../../platform/postgres.ts'
import type { AuthorizationParameters } from './parameters.ts'

/** How long somebody may take to log in and to agree. */
const WAITING_SECONDS = 3_600
/** RFC 9126 §2.2: long enough for the redirect. */
export const PUSHED_SECONDS = 60

export type NewWaitingRequest = {
  clientId: string
  parameters: AuthorizationParameters
  /** A login before this is not enough. */
  loginAfter: Date | null
}

/** An authorization request that waits for its person. */
export type WaitingRequest = NewWaitingRequest & { id: string; consentedBy: string | null }

export type RequestStore = ReturnType<typeof createRequestStore>

export type RequestStoreDeps = { postgres: Postgres; sealer: Sealer; clock: Clock }

type Row = {
  idHash: Uint8Array
  clientId: string
  parametersSealed: Uint8Array
  loginAfter: Date | null
  consentedBy: string | null
}

/** Authorization requests that wait. Whoever knows the id goes on with one: it is as good as the URL it came from. */
export function createRequestStore({ postgres, sealer, clock }: RequestStoreDeps) {
  /** @returns the id, of which only the hash is kept */
  async function keep(request: NewWaitingRequest): Promise<string> {
    return insert(request, { isPushed: false, seconds: WAITING_SECONDS })
  }

  /** RFC 9126. @returns the id behind the `request_uri` */
  async function push(clientId: string, parameters: AuthorizationParameters): Promise<string> {
    return insert(
      { clientId, parameters, loginAfter: null },
      { isPushed: true, seconds: PUSHED_SECONDS }
    )
  }

  async function insert(
    { clientId, parameters, loginAfter }: NewWaitingRequest,
    { isPushed, seconds }: { isPushed: boolean; seconds: number }
  ): Promise<string> {
    const id = randomToken()
    const idHash = new Uint8Array(sha256(id))
    const createdAt = clock.now()
    await postgres.read((db) =>
      db.authorizationRequest.create({
        data: {
          idHash,
          clientId,
          isPushed,
          parametersSealed: sealer.seal(JSON.stringify(parameters), place(idHash)),
          loginAfter,
          createdAt,
          expiresAt: new Date(createdAt.getTime() + seconds * 1_000)
        }
      })
    )
    return id
  }

  /** What a `request_uri` stands for. Of any number of callers one gets it. */
  async function takePushed(id: string, clientId: string): Promise<AuthorizationParameters | null> {
    const idHash = new Uint8Array(sha256(id))
    const [row] = await postgres.read(
      (db) => db.$queryRaw<{ parametersSealed: Uint8Array }[]>`
        UPDATE authorization_request SET spent_at = latchkey_now()
         WHERE id_hash = ${idHash} AND client_id = ${clientId} AND is_pushed
           AND spent_at IS NULL AND expires_at > latchkey_now()
        RETURNING parameters_sealed AS "parametersSealed"`
    )
    return row === undefined ? null : open(idHash, row.parametersSealed)
  }

  /** A request that still waits; looking spends nothing. */
  async function find(id: string): Promise<WaitingRequest | null> {
    const idHash = new Uint8Array(sha256(id))
    const row: Row | null = await postgres.read((db) =>
      db.authorizationRequest.findFirst({
        where: { idHash, isPushed: false, spentAt: null, expiresAt: { gt: clock.now() } }
      })
    )
    if (row === null) return null
    const { clientId, loginAfter, consentedBy } = row
    return { id, clientId, loginAfter, consentedBy, parameters: open(idHash, row.parametersSealed) }
  }

  /** Spends a waiting request, in the transaction of its answer. @returns whether it was this caller's to answer */
  async function spend(tx: Transaction, id: string): Promise<boolean> {
    const idHash = new Uint8Array(sha256(id))
    const count = await tx.$executeRaw`
      UPDATE authorization_request SET spent_at = latchkey_now()
       WHERE id_hash = ${idHash} AND NOT is_pushed AND spent_at IS NULL
         AND expires_at > latchkey_now()`
    return count === 1
  }

  /** Notes who agreed on this very request. */
  async function noteConsent(tx: Transaction, id: string, userId: string): Promise<boolean> {
    const idHash = new Uint8Array(sha256(id))
    const count = await tx.$executeRaw`
      UPDATE authorization_request SET consented_by = ${userId}::uuid
       WHERE id_hash = ${idHash} AND NOT is_pushed AND spent_at IS NULL
         AND expires_at > latchkey_now()`
    return count === 1
  }

  function open(idHash: Uint8Array, sealed: Uint8Array): AuthorizationParameters {
    return JSON.parse(sealer.open(sealed, place(idHash))) as AuthorizationParameters
  }

  return { keep, push, takePushed, find, spend, noteConsent }
}

function place(idHash: Uint8Array) {
  const row = Buffer.from(idHash).toString('hex')
  return { table: 'authorization_request', column: 'parameters_sealed', row }
}
