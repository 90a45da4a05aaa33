import { randomToken, sha256 } from '../../lib/secrets.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Sealer } from '../../platform/keys/sealer.ts'
import type { Connection, Postgres } from '../../platform/postgres.ts'
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
    const idHash = sha256(id)
    const sealed = Buffer.from(sealer.seal(JSON.stringify(parameters), place(idHash)))
    const createdAt = clock.now()
    const values = [idHash, clientId, isPushed, sealed, loginAfter, createdAt, seconds]
    await postgres.query(INSERT, values)
    return id
  }

  /** What a `request_uri` stands for. Of any number of callers one gets it. */
  async function takePushed(id: string, clientId: string): Promise<AuthorizationParameters | null> {
    const idHash = sha256(id)
    const [row] = await postgres.query<Pick<Row, 'parametersSealed'>>(TAKE_PUSHED, [
      idHash,
      clientId
    ])
    return row === undefined ? null : open(idHash, row.parametersSealed)
  }

  /** A request that still waits; looking spends nothing. */
  async function find(id: string): Promise<WaitingRequest | null> {
    const idHash = sha256(id)
    const [row] = await postgres.query<Row>(FIND, [idHash])
    if (row === undefined) return null
    const { clientId, loginAfter, consentedBy } = row
    return { id, clientId, loginAfter, consentedBy, parameters: open(idHash, row.parametersSealed) }
  }

  /** Spends a waiting request, in the transaction of its answer. @returns whether it was this caller's to answer */
  async function spend(tx: Connection, id: string): Promise<boolean> {
    return (await tx.query(SPEND, [sha256(id)])).length === 1
  }

  /** Notes who agreed on this very request. */
  async function noteConsent(tx: Connection, id: string, userId: string): Promise<boolean> {
    return (await tx.query(NOTE_CONSENT, [sha256(id), userId])).length === 1
  }

  function open(idHash: Uint8Array, sealed: Uint8Array): AuthorizationParameters {
    return JSON.parse(sealer.open(sealed, place(idHash))) as AuthorizationParameters
  }

  return { keep, push, takePushed, find, spend, noteConsent }
}

const INSERT = {
  name: 'authorization_request_insert',
  text: `
    INSERT INTO authorization_request
           (id_hash, client_id, is_pushed, parameters_sealed, login_after, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6::timestamptz + make_interval(secs => $7))`
}

const TAKE_PUSHED = {
  name: 'authorization_request_take_pushed',
  text: `
    UPDATE authorization_request SET spent_at = latchkey_now()
     WHERE id_hash = $1 AND client_id = $2 AND is_pushed
       AND spent_at IS NULL AND expires_at > latchkey_now()
    RETURNING parameters_sealed AS "parametersSealed"`
}

/** A request that its person may still go on with. */
const WAITS = `
  id_hash = $1 AND NOT is_pushed AND spent_at IS NULL AND expires_at > latchkey_now()`

const FIND = {
  name: 'authorization_request_find',
  text: `
    SELECT client_id AS "clientId", parameters_sealed AS "parametersSealed",
           login_after AS "loginAfter", consented_by AS "consentedBy"
      FROM authorization_request WHERE ${WAITS}`
}

const SPEND = {
  name: 'authorization_request_spend',
  text: `
    UPDATE authorization_request SET spent_at = latchkey_now() WHERE ${WAITS} RETURNING TRUE AS spent`
}

const NOTE_CONSENT = {
  name: 'authorization_request_note_consent',
  text: `
    UPDATE authorization_request SET consented_by = $2::uuid WHERE ${WAITS} RETURNING TRUE AS noted`
}

function place(idHash: Uint8Array) {
  const row = Buffer.from(idHash).toString('hex')
  return { table: 'authorization_request', column: 'parameters_sealed', row }
}
