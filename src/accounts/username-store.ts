import type { Transaction } from '../platform/postgres.ts'

/** Who wants a username: a registration, and the address it is for. */
export type UsernameClaim = { username: string; holderId: string; emailIndex: Uint8Array }

/**
 * Reserves a username for `seconds`. One statement decides: it is free, its reservation has expired, or
 * it was reserved for the same address before, verified since or not.
 */
export async function claimUsername(
  tx: Transaction,
  { username, holderId, emailIndex, seconds }: UsernameClaim & { seconds: number }
): Promise<boolean> {
  const claimed = await tx.$executeRaw`
    INSERT INTO username (username, holder_id, expires_at)
    VALUES (${username}, ${holderId}::uuid, latchkey_now() + make_interval(secs => ${seconds}))
    ON CONFLICT (username) DO UPDATE SET holder_id = excluded.holder_id, expires_at = excluded.expires_at
     WHERE username.expires_at <= latchkey_now()
        OR (username.expires_at IS NOT NULL AND username.holder_id IN
              (SELECT id FROM registration WHERE email_index = ${emailIndex}
               UNION ALL SELECT id FROM users WHERE email_index = ${emailIndex}))`
  return claimed === 1
}

/** Turns the reservation into possession; false when it was lost meanwhile. */
export async function keepUsername(
  tx: Transaction,
  { username, holderId, emailIndex }: UsernameClaim
): Promise<boolean> {
  const kept = await tx.$executeRaw`
    UPDATE username SET holder_id = ${holderId}::uuid, expires_at = NULL
     WHERE username = ${username} AND expires_at IS NOT NULL AND holder_id IN
           (SELECT id FROM registration WHERE email_index = ${emailIndex})`
  return kept === 1
}

/**
 * Hands an address's other reservations to the user it became. They last as long as they would have, or
 * a stranger who made one could see by it that the address was verified.
 */
export async function passUsernames(
  tx: Transaction,
  { userId, emailIndex }: { userId: string; emailIndex: Uint8Array }
): Promise<void> {
  await tx.$executeRaw`
    UPDATE username SET holder_id = ${userId}::uuid
     WHERE expires_at IS NOT NULL AND holder_id IN
           (SELECT id FROM registration WHERE email_index = ${emailIndex})`
}

/** Gives up what a registration reserved. */
export async function releaseUsername(tx: Transaction, holderId: string): Promise<void> {
  await tx.$executeRaw`DELETE FROM username WHERE holder_id = ${holderId}::uuid AND expires_at IS NOT NULL`
}
