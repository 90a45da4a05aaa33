import { setTimeout as delay } from 'node:timers/promises'
import type { Audit } from '../audit/record.ts'
import { UnavailableError } from '../errors.ts'
import type { EmailAddress } from '../lib/email-address.ts'
import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { AddressIndex } from '../platform/keys/address-index.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import { lockRegistrations } from './registration-lock-store.ts'
import { findSomebodys, indexHex } from './taken-address-store.ts'
import { userPlace } from './user.ts'
import { insertUsers, type UserColumns } from './user-rows-store.ts'
import { createAddressTags } from './username-claim-store.ts'
import {
  findTakenUsernames,
  passUsernames,
  takeUsernames,
  type AddressClaim
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
  dataKeys: DataKeys
  clock: Clock
  record: Audit
}

const ATTEMPTS = 6
const FIRST_WAIT_MS = 250

/** Somebody took an address or a name between the look and the write. */
class OvertakenError extends Error {}

/** People by the hundred. Addresses and usernames within one call differ from each other. */
export function createUserImportStore(deps: UserImportStoreDeps) {
  const { postgres, sealer, dataKeys, clock, record } = deps
  const tagsOf = createAddressTags(dataKeys)

  /** What `add` would do, looked at only. */
  async function judge(people: ImportedPerson[]): Promise<Verdict[]> {
    return postgres.transaction((tx) => judgeRows(tx, people.map(identify)))
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
    const registered = new Set(
      await lockRegistrations(
        tx,
        rows.map(({ emailIndex }) => emailIndex)
      )
    )
    const verdicts = await judgeRows(tx, rows)
    const fresh = rows.filter((_row, index) => verdicts[index] === 'new')
    if (fresh.length === 0) return verdicts
    if (!(await takeUsernames(tx, claimsOf(fresh)))) throw new OvertakenError()
    if (!(await insertUsers(tx, fresh.map(columnsOf)))) throw new OvertakenError()
    await dropRegistrations(tx, fresh, registered)
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
    const { owned, kept } = await findSomebodys(
      tx,
      rows.map(({ emailIndex }) => emailIndex)
    )
    const takenUsernames = await findTakenUsernames(tx, claimsOf(rows))
    return rows.map((row) => {
      const hex = indexOf(row)
      const { person } = row
      if (owned.has(hex)) return 'there'
      if (kept.has(hex)) return 'email_kept'
      const isTaken = person.username !== null && takenUsernames.has(person.username)
      return isTaken ? 'username_taken' : 'new'
    })
  }

  function identify(person: ImportedPerson): IdentifiedPerson {
    const id = uuidv7At(clock.now())
    return { id, emailIndex: sealer.emailIndex(person.email.canonical), person }
  }

  function columnsOf(row: IdentifiedPerson): UserColumns {
    const { id, person } = row
    const { emailIndex, emailIndexNext } = row.emailIndex.columns
    const { email, phoneNumber: phone } = person
    const now = clock.now()
    const seal = (text: string, column: 'email_sealed' | 'phone_sealed') =>
      toHex(sealer.seal(text, userPlace(id, column)))
    return {
      id,
      email_index: toHex(emailIndex),
      email_index_next: emailIndexNext && toHex(emailIndexNext),
      email_sealed: seal(email.address, 'email_sealed'),
      email_verified_at: person.isEmailVerified ? now : null,
      phone_index: phone === null ? null : toHex(sealer.phoneIndex(phone)),
      phone_sealed: phone === null ? null : seal(phone, 'phone_sealed'),
      username: person.username,
      password_hash: person.passwordHash,
      name: person.name,
      surname: person.surname,
      locale: person.locale,
      roles: person.roles,
      created_at: now
    }
  }

  function claimsOf(rows: IdentifiedPerson[]): AddressClaim[] {
    return rows.flatMap(({ id, emailIndex, person: { username, email } }) =>
      username === null
        ? []
        : [{ username, holderId: id, emailIndex, tags: tagsOf(email.canonical) }]
    )
  }

  return { judge, add }
}

/** An address has one owner now: what was registered for it leads nowhere any more. */
async function dropRegistrations(
  tx: Transaction,
  rows: IdentifiedPerson[],
  registered: Set<string>
): Promise<void> {
  const concerned = rows.filter((row) => registered.has(indexOf(row)))
  if (concerned.length === 0) return
  for (const { id, emailIndex } of concerned) await passUsernames(tx, { userId: id, emailIndex })
  await tx.registration.deleteMany({
    where: { OR: concerned.map(({ emailIndex }) => emailIndex.where) }
  })
}

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const indexOf = ({ emailIndex }: IdentifiedPerson) => indexHex(emailIndex)

function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof OvertakenError || error instanceof UnavailableError
}

type IdentifiedPerson = {
  id: string
  emailIndex: AddressIndex
  person: ImportedPerson
}
