import type { RequestOrigin } from '../../audit/events.ts'
import { sealedKeyOf } from '../../audit/event-row.ts'
import { uuidv7At } from '../../lib/random.ts'
import { randomToken, sha256 } from '../../lib/secrets.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Connection, Postgres } from '../../platform/postgres.ts'
import type { EndedSession } from '../../sessions/end-sessions.ts'
import { grantStatement, type BeginGrant, type BegunGrant } from '../../sessions/begin-grant.ts'
import type { GrantSession } from '../../sessions/session.ts'
import type { ClaimsRequest } from '../claims.ts'
import { isAsKnown, isValidSecret } from '../client-store.ts'
import { isAliveOf, type EndReused, type SpentCode } from '../reuse-store.ts'
import type { FreshCodes } from './fresh-codes.ts'
import { matchesChallenge } from '../pkce.ts'

export const CODE_SECONDS = 60

/** What a code stands for. */
export type NewCode = {
  clientId: string
  userId: string
  parentId: string
  redirectUri: string
  scope: string
  audience: string[]
  claims: ClaimsRequest | null
  nonce: string | null
  codeChallenge: string | null
  dpopJkt: string | null
  authTime: Date
  amr: string[]
}

/** What is shown with a code. */
export type PresentedCode = {
  code: string
  clientId: string
  redirectUri: string | null
  verifier: string | null
  dpopJkt: string | null
  /** Which of the resources that were agreed to the first token is for. */
  resources: string[]
  idleSeconds: number
  absoluteSeconds: number
}

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
  /** A resource that nobody agreed to: the code is burnt, and nothing has begun (RFC 8707 §2.2). */
  | { kind: 'wrong_target' }
  | { kind: 'unusable'; reason: string }

export type CodeStore = ReturnType<typeof createCodeStore>

export type CodeStoreDeps = {
  postgres: Postgres
  clock: Clock
  freshCodes: FreshCodes<KeptCode>
  beginGrant: BeginGrant
  endReused: EndReused
}

/** As {@link sealedKeyOf} reads the key of its person. */
export type KeptCode = NewCode & { sealedKey: Uint8Array | null }

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

const INSERT = {
  name: 'authorization_code_insert',
  text: `
    INSERT INTO authorization_code
           (code_hash, client_id, user_id, parent_id, redirect_uri, scope, audience, claims, nonce,
            code_challenge, dpop_jkt, auth_time, amr, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, latchkey_now(),
            latchkey_now() + interval '${CODE_SECONDS} seconds')
    RETURNING ${sealedKeyOf('$3')} AS "sealedKey"`
}

/** What never changes of a code; whether it may still be spent is for the statement that spends it. */
const FIND = {
  name: 'authorization_code_find',
  text: `
    SELECT client_id AS "clientId", user_id AS "userId", parent_id AS "parentId",
           redirect_uri AS "redirectUri", scope, audience, claims, nonce,
           code_challenge AS "codeChallenge", dpop_jkt AS "dpopJkt", auth_time AS "authTime", amr,
           ${sealedKeyOf('authorization_code.user_id')} AS "sealedKey"
      FROM authorization_code WHERE code_hash = $1`
}

const FIND_SPENT = {
  name: 'authorization_code_find_spent',
  text: `
    SELECT user_id AS "userId", client_id AS "clientId", session_id AS "sessionId",
           ${isAliveOf('session_id')} AS "isAlive"
      FROM authorization_code
     WHERE code_hash = $1 AND spent_at IS NOT NULL AND session_id IS NOT NULL`
}

/**
 * @param agreed whether its client is let in without asking; a consent is held until all is done
 * @param condition what has to be true besides
 */
const spend = (agreed: string, condition = 'TRUE') => `
  UPDATE authorization_code code SET spent_at = latchkey_now(), session_id = $3::uuid
   WHERE ${condition} AND code_hash = $1 AND client_id = $2 AND spent_at IS NULL AND expires_at > latchkey_now()
     AND (${agreed}
          OR EXISTS (SELECT 1 FROM consent c
                      WHERE c.user_id = code.user_id AND c.client_id = code.client_id FOR SHARE))
  RETURNING user_id, parent_id, scope, audience, claims, auth_time, amr`

const SPEND = spend('(SELECT is_first_party FROM client WHERE id = $2)')
const BURN = { name: 'authorization_code_burn', text: SPEND }
const REDEEM = grantStatement('authorization_code_redeem', SPEND)
const REDEEM_QUICKLY = grantStatement(
  'authorization_code_redeem_quick',
  spend('$12::boolean', `${isAsKnown('$2', '$11')} AND ${isValidSecret('$2', '$13')}`)
)

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

/** What comes of a code that does not fit what is shown with it; null where all fits. */
function refusalOf(code: KeptCode, presented: PresentedCode): RedeemOutcome | null {
  const fault = faultOf(code, presented)
  if (fault !== null) return { kind: 'unusable', reason: fault }
  const isAgreed = presented.resources.every((resource) => code.audience.includes(resource))
  return isAgreed ? null : { kind: 'wrong_target' }
}

function faultOf(code: KeptCode, presented: PresentedCode): string | null {
  const { verifier, redirectUri, dpopJkt } = presented
  if (redirectUri !== code.redirectUri) return 'another redirect_uri'
  // A verifier without a challenge is a downgrade (RFC 9700 §4.8.2).
  if ((code.codeChallenge === null) !== (verifier === null)) return 'verifier missing or needless'
  if (code.codeChallenge !== null && !matchesChallenge(verifier ?? '', code.codeChallenge)) {
    return 'wrong verifier'
  }
  if (code.dpopJkt !== null && code.dpopJkt !== dpopJkt) return 'another DPoP key'
  return null
}
