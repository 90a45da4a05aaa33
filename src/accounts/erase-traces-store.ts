import type { Sealer } from '../platform/keys/sealer.ts'
import type { Transaction } from '../platform/postgres.ts'
import { giveUpUsernames } from './username-claim-store.ts'

/**
 * Takes along what no reference leads to: registrations of the person's address, mails that wait for them
 * (refused ones too), and what they let applications and devices ask for. Reserved usernames stay until they
 * expire: giving them up would tell that the address was somebody's.
 * @param userId of a person whose row is held
 */
export async function eraseTraces(tx: Transaction, sealer: Sealer, userId: string): Promise<void> {
  const person = await tx.user.findUniqueOrThrow({ where: { id: userId } })
  const { where } = sealer.addressIndexOf(person)
  const registrations = await tx.registration.findMany({ where, select: { id: true } })
  await tx.registration.deleteMany({ where })
  // A mail to somebody who registered bears the id that they were to have.
  const bearers = [userId, ...registrations.map(({ id }) => id)]
  await tx.outboxMessage.deleteMany({ where: { userId: { in: bearers } } })
  await tx.deviceAuthorization.deleteMany({ where: { userId } })
  await tx.authorizationRequest.deleteMany({ where: { consentedBy: userId } })
  await giveUpUsernames(tx, userId, null)
}
