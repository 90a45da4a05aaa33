import type { RequestOrigin } from '../../audit/events.ts'
import { uuidv7At } from '../../lib/random.ts'
import { randomToken, sha256 } from '../../lib/secrets.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Connection, Postgres } from '../../platform/postgres.ts'
import type { EndedSession } from '../../sessions/end-sessions.ts'
import type { BeginGrant, BegunGrant } from '../../sessions/begin-grant.ts'
import type { GrantSession } from '../../sessions/session.ts'
import type { ClaimsRequest } from '../claims.ts'
import type { EndReused, SpentCode } from '../reuse-store.ts'
import { refusalOf, type KeptCode, type NewCode, type PresentedCode, type Refusal } from './code.ts'
import { BURN, FIND, FIND_SPENT, INSERT, REDEEM, REDEEM_QUICKLY } from './code-statements.ts'
import type { FreshCodes } from './fresh-codes.ts'

/** A client that has shown its secret (null: it has none), as it was read before. */
export type ProvenClient = {
  version: string
  isFirstParty: boolean
  secretHash: Uint8Array | null
}

export type RedeemOutcome =
  | {
      kind: 'redeemed'
      session: GrantSession
      secret: Buffer
      nonce: string | null
      claims: ClaimsRequest | null
    }
  /** It was spent before: what it began has ended, and that is committed (RFC 6749 §4.1.2). */
  | { kind: 'reused'; ended: EndedSession[] }
  | Refusal

export type CodeStore = ReturnType<typeof createCodeStore>

export type CodeStoreDeps = {
  postgres: Postgres
  clock: Clock
  freshCodes: FreshCodes<KeptCode>
  beginGrant: BeginGrant
  endReused: EndReused
}

export function createCodeStore(deps: CodeStoreDeps) {
  const { postgres, clock, freshCodes, beginGrant, endReused } = deps

  /** @returns the code, of which only the hash is kept */
  async function create(connection: Connection, code: NewCode): Promise<string> {
    const value = randomToken()
    const hash = sha256(value)
    const [written] = await connection.query<Pick<KeptCode, 'sealedKey'>>(INSERT, [
      hash,
      code.clientId,
      code.userId,
      code.parentId,
      code.redirectUri,
      code.scope,
      code.audience,
      code.claims,
      code.nonce,
      code.codeChallenge,
      code.dpopJkt,
      code.authTime,
      code.amr
    ])
    freshCodes.keep(hash, { ...code, sealedKey: written?.sealedKey ?? null })
    return value
  }

  /**
   * Spends a code and begins what it stands for. A wrong verifier, redirect URI or key burns it: whoever
   * guesses has one guess. The consent has to stand still, and is held: whoever takes it back afterwards
   * sees the session.
   */
  async function redeem(presented: PresentedCode, origin: RequestOrigin): Promise<RedeemOutcome> {
    const hash = sha256(presented.code)
    const { clientId } = presented
    const code = freshCodes.take(hash) ?? (await find(hash))
    if (code?.clientId !== clientId) return { kind: 'unusable', reason: 'no such code' }
    const refusal = refusalOf(code, presented)
    if (refusal !== null) {
      const burnt = await postgres.query(BURN, [hash, clientId, uuidv7At(clock.now())])
      return burnt.length > 0 ? refusal : judge(hash, origin)
    }
    const begun = await beginGrant(REDEEM, hash, code, presented, origin)
    return outcomeOf(begun, code) ?? judge(hash, origin)
  }

  /**
   * The same for a code that was made here just now, of a client that is as it was read before.
   * @returns null where it is not that plain: nothing was done, {@link redeem} has to look
   */
  async function redeemQuickly(
    presented: PresentedCode,
    { version, isFirstParty, secretHash }: ProvenClient,
    origin: RequestOrigin
  ): Promise<RedeemOutcome | null> {
    const hash = sha256(presented.code)
    const code = freshCodes.take(hash)
    if (code?.clientId !== presented.clientId || refusalOf(code, presented) !== null) return null
    const proof = [version, isFirstParty, secretHash]
    const begun = await beginGrant(REDEEM_QUICKLY, hash, code, presented, origin, proof)
    return outcomeOf(begun, code)
  }

  async function find(hash: Buffer): Promise<KeptCode | null> {
    const [code] = await postgres.query<KeptCode>(FIND, [hash])
    return code ?? null
  }

  /** Finds out why nothing was spent. A code shown twice may be a thief's: what it began ends. */
  async function judge(hash: Buffer, origin: RequestOrigin): Promise<RedeemOutcome> {
    const [spent] = await postgres.query<SpentCode>(FIND_SPENT, [hash])
    return spent === undefined
      ? { kind: 'unusable', reason: 'expired, or the consent is taken back' }
      : { kind: 'reused', ended: await endReused(spent, origin) }
  }

  return { create, redeem, redeemQuickly }
}

/** Null where there was nothing to spend. */
function outcomeOf(begun: BegunGrant, { nonce, claims }: KeptCode): RedeemOutcome | null {
  switch (begun.kind) {
    case 'begun':
      return { ...begun, kind: 'redeemed', nonce, claims }
    case 'login_ended':
      return { kind: 'unusable', reason: 'the login that agreed has ended' }
    case 'unspent':
      return null
  }
}
