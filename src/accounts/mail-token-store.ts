import type { QueryResultRow } from 'pg'
import {
  canonicalTypedCode,
  hmacSha256,
  randomToken,
  randomTypedCode,
  sha256
} from '../lib/secrets.ts'
import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { AddressColumns, AddressIndex } from '../platform/keys/address-index.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { TokenPurpose } from '../platform/prisma/enums.ts'
import type { Connection } from '../platform/postgres.ts'
import { KILL_PENDING, REPLACE, shownToken } from './mail-token-statements.ts'

/** The two ways to use a mail: its link, or its code typed on another device beside the address. */
export type PresentedMailToken = { token: string } | { canonicalEmail: string; code: string }

/** What goes into a mail. Only their hashes are kept. */
export type MailSecrets = { token: string; code: string }

export type MailTokenStore = ReturnType<typeof createMailTokenStore>

export type MailTokenStoreDeps = { dataKeys: DataKeys; sealer: Sealer; clock: Clock }

export type NewMailToken = {
  purpose: TokenPurpose
  canonicalEmail: string
  ttlSeconds: number
  belongsTo: { registrationId: string } | { userId: string }
  /** The address that a change leads to, or back to. */
  leadsTo?: string
  /** Of the address, where it is known better than by its spelling. */
  emailIndex?: AddressIndex
}

/** A token that has just been spent, with what it belongs to. */
export type SpentMailToken = AddressColumns & {
  id: string
  registrationId: string | null
  userId: string | null
  emailSealed: Uint8Array | null
}

/** Mail tokens: bound to a purpose and an address, spent once, and a newer one kills the older. */
export function createMailTokenStore({ dataKeys, sealer, clock }: MailTokenStoreDeps) {
  /** Makes a token and kills its owner's older ones for the same purpose. */
  async function replace(tx: Connection, token: NewMailToken): Promise<MailSecrets> {
    const { purpose, canonicalEmail, ttlSeconds, belongsTo, leadsTo, emailIndex } = token
    const now = clock.now()
    const id = uuidv7At(now)
    const secrets = { token: randomToken(), code: randomTypedCode() }
    const { columns } = emailIndex ?? sealer.emailIndex(canonicalEmail)
    await tx.query('userId' in belongsTo ? REPLACE.user : REPLACE.registration, [
      id,
      purpose,
      sha256(secrets.token),
      codeHashes(purpose, canonicalEmail, secrets.code)[0] ?? null,
      columns.emailIndex,
      columns.emailIndexNext,
      leadsTo === undefined ? null : sealer.seal(leadsTo, destinationPlace(id)),
      now,
      new Date(now.getTime() + ttlSeconds * 1_000),
      'userId' in belongsTo ? belongsTo.userId : belongsTo.registrationId
    ])
    return secrets
  }

  /**
   * Locks the row of the person that a token is for, before it is spent: whoever kills a person's tokens
   * locks in this order, and neither waits for the other for ever.
   */
  async function holdOwner(
    tx: Connection,
    purpose: TokenPurpose,
    presented: PresentedMailToken
  ): Promise<void> {
    await ask(tx, 'hold owner', purpose, presented)
  }

  /** Whose token it is, which stays unspent; null when it does not hold. */
  async function findOwner(
    tx: Connection,
    purpose: TokenPurpose,
    presented: PresentedMailToken
  ): Promise<string | null> {
    const [row] = await ask<{ userId: string | null }>(tx, 'find owner', purpose, presented)
    return row?.userId ?? null
  }

  /** Spends a token: the statement that checks it is the one that spends it. Null when it does not hold. */
  async function consume(
    tx: Connection,
    purpose: TokenPurpose,
    presented: PresentedMailToken
  ): Promise<SpentMailToken | null> {
    const [spent] = await ask<SpentMailToken>(tx, 'consume', purpose, presented)
    return spent ?? null
  }

  /** The address that a spent token leads to. */
  function openDestination({ id, emailSealed }: SpentMailToken): string {
    if (emailSealed === null) throw new Error(`Mail token ${id} leads to no address.`)
    return sealer.open(emailSealed, destinationPlace(id))
  }

  /** Whose address a presented token is for, spent or not. */
  async function findEmailIndex(
    tx: Connection,
    purpose: TokenPurpose,
    presented: PresentedMailToken
  ): Promise<AddressIndex | null> {
    const [row] = await ask<AddressColumns>(tx, 'find address', purpose, presented)
    return row === undefined ? null : sealer.addressIndexOf(row)
  }

  async function ask<Row extends QueryResultRow>(
    tx: Connection,
    verb: Parameters<typeof shownToken>[0],
    purpose: TokenPurpose,
    presented: PresentedMailToken
  ): Promise<Row[]> {
    if ('token' in presented) {
      return tx.query<Row>(shownToken(verb, null), [purpose, sha256(presented.token)])
    }
    const { canonicalEmail, code } = presented
    const hashes = codeHashes(purpose, canonicalEmail, code)
    if (hashes.length === 0) return []
    const emailIndex = sealer.emailIndex(canonicalEmail)
    return tx.query<Row>(shownToken(verb, emailIndex), [purpose, emailIndex.value, hashes])
  }

  /** 40 bits alone would be found by trying: the hash is keyed. One for each live key, newest first. */
  function codeHashes(purpose: TokenPurpose, canonicalEmail: string, typed: string) {
    const code = canonicalTypedCode(typed)
    if (code === null) return []
    const message = `${purpose}\0${canonicalEmail}\0${code}`
    return dataKeys.ofPurpose('typed_code').map(({ key }) => hmacSha256(key, message))
  }

  /** What a stolen session may have asked for dies with it. */
  async function killPending(tx: Connection, userId: string): Promise<void> {
    await tx.query(KILL_PENDING, [userId, clock.now()])
  }

  return { replace, holdOwner, findOwner, consume, openDestination, findEmailIndex, killPending }
}

/** Where the address that a token leads to stands sealed. */
export const destinationPlace = (id: string) => ({
  table: 'one_time_token',
  column: 'email_sealed',
  row: id
})
