import { setTimeout as delay } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import type { Audit } from '../audit/record.ts'
import { UnavailableError } from '../errors.ts'
import type { EmailAddress } from '../lib/email-address.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import { Prisma } from '../platform/prisma/client.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import { lockRegistrations } from './registration-lock-store.ts'
import { findSomebodys } from './taken-address-store.ts'
import { userPlace } from './user.ts'
import {
  findTakenUsernames,
  passUsernames,
  takeUsernames,
  type UsernameClaim
} from './username-store.ts'

/** A person of another system, checked. */
export type ImportedPerson = {
  email: EmailAddress
  isEmailVerified: boolean
  username: string | null
  name: string | null
  surname: string | null
  phoneNumber: string | null
  locale: string | null
  roles: string[]
  /** As it is kept. */
  passwordHash: string | null
}

/** What becomes of a person: they are new, were there before, or stand in somebody's way. */
export type Verdict = 'new' | 'there' | 'email_kept' | 'username_taken'

export type UserImportStore = ReturnType<typeof createUserImportStore>

export type UserImportStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  clock: Clock
  record: Audit
}

const ATTEMPTS = 6
const FIRST_WAIT_MS = 250

/** Somebody took an address or a name between the look and the write. */
class OvertakenError extends Error {}

/** People by the hundred. Addresses and usernames within one call differ from each other. */
export function createUserImportStore({ postgres, sealer, clock, record }: UserImportStoreDeps) {
  /** What `add` would do, looked at only. */
  async function judge(people: ImportedPerson[]): Promise<Verdict[]> {
    const rows = people.map(identify)
    return postgres.read((db) => judgeRows(db, rows))
  }

  /**
   * Makes users of those who are new, all in one transaction with their audit events: after a crash
   * either everybody of the call is there or nobody. So it may be repeated, and is, while Postgres does not answer.
   * @throws {UnavailableError} when it goes on not answering
   */
  async function add(people: ImportedPerson[]): Promise<Verdict[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await postgres.transaction((tx) => addRows(tx, people.map(identify)))
      } catch (error) {
        if (attempt === ATTEMPTS || !isWorthAnotherTry(error)) throw error
        await delay(FIRST_WAIT_MS * 2 ** (attempt - 1))
      }
    }
  }

  async function addRows(tx: Transaction, rows: IdentifiedPerson[]): Promise<Verdict[]> {
    // Whoever verifies a registration of these addresses now does so before, or finds the user.
    const registered = await lockRegistrations(
      tx,
      rows.map(({ emailIndex }) => emailIndex)
    )
    const verdicts = await judgeRows(tx, rows)
    const fresh = rows.filter((_row, index) => verdicts[index] === 'new')
    if (fresh.length === 0) return verdicts
    if (!(await takeUsernames(tx, claimsOf(fresh)))) throw new OvertakenError()
    await tx.user.createMany({ data: fresh.map(columnsOf) })
    await dropRegistrations(tx, fresh, new Set(registered.map(hexOf)))
    await record(
      tx,
      fresh.map(({ id }) => ({
        type: 'account.imported',
        userId: id,
        details: { by: 'operator' }
      }))
    )
    return verdicts
  }

  async function judgeRows(tx: Transaction, rows: IdentifiedPerson[]): Promise<Verdict[]> {
    const emailIndexes = rows.map(({ emailIndex }) => emailIndex)
    const { owned, kept } = await findSomebodys(tx, { emailIndexes, now: clock.now() })
    const takenUsernames = await findTakenUsernames(tx, claimsOf(rows))
    return rows.map(({ emailIndex, person }) => {
      const hex = hexOf(emailIndex)
      if (owned.has(hex)) return 'there'
      if (kept.has(hex)) return 'email_kept'
      const isTaken = person.username !== null && takenUsernames.has(person.username)
      return isTaken ? 'username_taken' : 'new'
    })
  }

  function identify(person: ImportedPerson): IdentifiedPerson {
    const id = uuidv7({ msecs: clock.now().getTime() })
    return { id, emailIndex: sealer.emailIndex(person.email.canonical), person }
  }

  function columnsOf({ id, emailIndex, person }: IdentifiedPerson) {
    const { email, isEmailVerified, phoneNumber, ...columns } = person
    const now = clock.now()
    return {
      ...columns,
      id,
      emailIndex,
      emailSealed: sealer.seal(email.address, userPlace(id, 'email_sealed')),
      emailVerifiedAt: isEmailVerified ? now : null,
      phoneIndex: phoneNumber === null ? null : sealer.phoneIndex(phoneNumber),
      phoneSealed:
        phoneNumber === null ? null : sealer.seal(phoneNumber, userPlace(id, 'phone_sealed')),
      createdAt: now,
      updatedAt: now
    }
  }

  return { judge, add }
}

/** An address has one owner now: what was registered for it leads nowhere any more. */
async function dropRegistrations(
  tx: Transaction,
  rows: IdentifiedPerson[],
  registered: Set<string>
): Promise<void> {
  const concerned = rows.filter(({ emailIndex }) => registered.has(hexOf(emailIndex)))
  for (const { id, emailIndex } of concerned) await passUsernames(tx, { userId: id, emailIndex })
  const emailIndexes = concerned.map(({ emailIndex }) => emailIndex)
  await tx.registration.deleteMany({ where: { emailIndex: { in: emailIndexes } } })
}

function claimsOf(rows: IdentifiedPerson[]): UsernameClaim[] {
  return rows.flatMap(({ id, emailIndex, person: { username } }) =>
    username === null ? [] : [{ username, holderId: id, emailIndex }]
  )
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const UNIQUE_VIOLATION = 'P2002'

function isWorthAnotherTry(error: unknown): boolean {
  if (error instanceof OvertakenError || error instanceof UnavailableError) return true
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === UNIQUE_VIOLATION
}

type IdentifiedPerson = {
  id: string
  emailIndex: Uint8Array<ArrayBuffer>
  person: ImportedPerson
}
