import { hex } from '../lib/hex.ts'
import type { AddressIndex } from '../platform/keys/address-index.ts'
import { Prisma } from '../platform/prisma/client.ts'
import type { Connection, Transaction } from '../platform/postgres.ts'
import { byAddress } from './address-statement.ts'

/** Who wants a username: a registration or a user, and the address it is for. */
type UsernameClaim = { username: string; holderId: string; emailIndex: AddressIndex }

/** Who takes a username for good, and the tags of the address that it may be reserved for. */
export type AddressClaim = UsernameClaim & { tags: Buffer[] }

/** Reserves a username for `seconds`. One statement decides: it is free, or its reservation has expired. */
export async function claimUsername(
  tx: Connection,
  { username, holderId, seconds }: { username: string; holderId: string; seconds: number }
): Promise<boolean> {
  return (await tx.query(CLAIM, [username, holderId, seconds])).length === 1
}

/** Turns the reservation into possession; false when it was lost meanwhile. */
export async function keepUsername(
  tx: Connection,
  { username, holderId, emailIndex }: UsernameClaim
): Promise<boolean> {
  const values = [emailIndex.value, username, holderId]
  return (await tx.query(KEEP(emailIndex), values)).length === 1
}

/**
 * Hands an address's other reservations to the user it became. They last as long as they would have, or
 * a stranger who made one could see by it that the address was verified.
 */
export async function passUsernames(
  tx: Connection,
  { userId, emailIndex }: { userId: string; emailIndex: AddressIndex }
): Promise<void> {
  await tx.query(PASS_ON(emailIndex), [emailIndex.value, userId])
}

/** Gives up what a registration reserved. */
export async function releaseUsername(tx: Connection, holderId: string): Promise<void> {
  await tx.query(RELEASE, [holderId])
}

/** The reservations that registrations of one address hold; $1 is the address. */
const isReservedFor = (column: string) => `
  expires_at IS NOT NULL AND holder_id IN (SELECT id FROM registration WHERE ${column} = $1)`

const CLAIM = {
  name: 'username_claim',
  text: `
    INSERT INTO username (username, holder_id, expires_at)
    VALUES ($1, $2::uuid, latchkey_now() + make_interval(secs => $3))
    ON CONFLICT (username) DO UPDATE SET holder_id = excluded.holder_id, expires_at = excluded.expires_at
     WHERE username.expires_at <= latchkey_now()
    RETURNING 1`
}

const KEEP = byAddress(
  'username_keep',
  (column) => `
    UPDATE username SET holder_id = $3::uuid, expires_at = NULL
     WHERE username = $2 AND ${isReservedFor(column)} RETURNING 1`
)

const PASS_ON = byAddress(
  'username_pass_on',
  (column) => `UPDATE username SET holder_id = $2::uuid WHERE ${isReservedFor(column)}`
)

const RELEASE = {
  name: 'username_release',
  text: 'DELETE FROM username WHERE holder_id = $1::uuid AND expires_at IS NOT NULL'
}

/** Of many claims, each of another username and address: what somebody has, or has reserved for another address. */
export async function findTakenUsernames(
  tx: Transaction,
  claims: AddressClaim[]
): Promise<Set<string>> {
  if (claims.length === 0) return new Set()
  const rows = await tx.$queryRaw<{ username: string }[]>`
    SELECT username.username FROM username JOIN ${claimed(claims)} USING (username)
     WHERE (${isFree(claims)}) IS NOT TRUE`
  return new Set(rows.map(({ username }) => username))
}

/** Takes usernames for good; @returns whether all of them were still free. */
export async function takeUsernames(tx: Transaction, claims: AddressClaim[]): Promise<boolean> {
  if (claims.length === 0) return true
  const taken = await tx.$executeRaw`
    INSERT INTO username (username, holder_id)
    SELECT claimed.username, claimed.holder_id FROM ${claimed(claims)}
    ON CONFLICT (username) DO UPDATE SET holder_id = excluded.holder_id, expires_at = NULL
     WHERE EXISTS (SELECT FROM ${claimed(claims)}
                    WHERE claimed.username = username.username AND ${isFree(claims)})`
  return taken === claims.length
}

/**
 * Of `username`, for `claimed`: free again, or reserved for the same address, which its tag tells as it does a
 * registration (username-claim-store.ts), and of reservations that a version before made, who holds it.
 */
function isFree(claims: AddressClaim[]): Prisma.Sql {
  const column = claims[0]?.emailIndex.column ?? Prisma.sql`email_index`
  return Prisma.sql`(username.expires_at IS NOT NULL AND
    (username.expires_at <= latchkey_now()
     OR (username.reserved_until > latchkey_now()
         AND encode(username.address_tag, 'hex') = ANY (claimed.tags))
     OR (username.address_tag IS NULL AND EXISTS
          (SELECT FROM registration WHERE registration.id = username.holder_id
              AND registration.${column} = claimed.email_index))))`
}

/** The claims as rows, and as one parameter. */
function claimed(claims: AddressClaim[]): Prisma.Sql {
  const rows = claims.map(({ username, holderId, emailIndex, tags }) => ({
    username,
    holder_id: holderId,
    hex: hex(emailIndex.value),
    tags: tags.map((tag) => tag.toString('hex'))
  }))
  return Prisma.sql`(SELECT username, holder_id, decode(hex, 'hex') AS email_index, tags
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      AS claim (username text, holder_id uuid, hex text, tags text[])) AS claimed`
}
