import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { RequestOrigin } from '../../audit/events.ts'
import type { Audit } from '../../audit/record.ts'
import { randomToken, sha256 } from '../../lib/secrets.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Connection, Postgres, Transaction } from '../../platform/postgres.ts'
import type { EndedSession, EndSessions } from '../../sessions/end-sessions.ts'
import type { BeginGrant } from '../../sessions/begin-grant.ts'
import type { LiveSession } from '../../sessions/session.ts'
import type { ClaimsRequest } from '../claims.ts'
import { matchesChallenge } from '../pkce.ts'

const CODE_SECONDS = 60

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

export type RedeemOutcome =
  | {
      kind: 'redeemed'
      session: LiveSession
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
  record: Audit
  beginGrant: BeginGrant
  endSessions: EndSessions
}

export function createCodeStore({
  postgres,
  clock,
  record,
  beginGrant,
  endSessions
}: CodeStoreDeps) {
  /** @returns the code, of which only the hash is kept */
  async function create(connection: Connection, code: NewCode): Promise<string> {
    const value = randomToken()
    await connection.query(INSERT, [
      sha256(value),
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
    return value
  }

  /**
   * Spends a code and begins what it stands for. A wrong verifier, redirect URI or key burns it: whoever
   * guesses has one guess. The consent has to stand still, and is held: whoever takes it back afterwards
   * sees the session.
   */
  async function redeem(presented: PresentedCode, origin: RequestOrigin): Promise<RedeemOutcome> {
    const codeHash = sha256(presented.code)
    const { clientId } = presented
    const sessionId = uuidv7({ msecs: clock.now().getTime() })
    const outcome = await postgres.hotTransaction(async (tx): Promise<RedeemOutcome | null> => {
      const [code] = await tx.query<NewCode>(SPEND, [codeHash, clientId, sessionId])
      return code === undefined ? null : begin(tx, code, { ...presented, sessionId }, origin)
    })
    return outcome ?? postgres.transaction((tx) => judge(tx, codeHash, clientId, origin))
  }

  /** What a spent code stands for, if what was shown with it fits; without that it stays spent. */
  async function begin(
    tx: Connection,
    code: NewCode,
    presented: PresentedCode & { sessionId: string },
    origin: RequestOrigin
  ): Promise<RedeemOutcome> {
    const fault = faultOf(code, presented)
    if (fault !== null) return { kind: 'unusable', reason: fault }
    if (!presented.resources.every((resource) => code.audience.includes(resource))) {
      return { kind: 'wrong_target' }
    }
    const secret = randomBytes(32)
    const { nonce, claims } = code
    const { sessionId: id, dpopJkt, idleSeconds, absoluteSeconds } = presented
    const session = await beginGrant(
      tx,
      { ...code, id, dpopJkt, idleSeconds, absoluteSeconds, secret },
      origin
    )
    if (session === null) return { kind: 'unusable', reason: 'the login that agreed has ended' }
    return { kind: 'redeemed', session, secret, nonce, claims }
  }

  /** Finds out why nothing was spent. A code shown twice may be a thief's: what it began ends. */
  async function judge(
    tx: Transaction,
    hash: Buffer,
    clientId: string,
    origin: RequestOrigin
  ): Promise<RedeemOutcome> {
    const codeHash = new Uint8Array(hash)
    const code = await tx.authorizationCode.findUnique({ where: { codeHash } })
    if (code?.clientId !== clientId) return { kind: 'unusable', reason: 'no such code' }
    const { spentAt, sessionId, userId } = code
    if (spentAt === null || sessionId === null)
      return { kind: 'unusable', reason: 'expired, or the consent is taken back' }
    const ended = await endSessions(tx, { sessionId }, 'code_reuse', { origin })
    await record(tx, { type: 'grant.code_reused', origin, userId, sessionId, clientId })
    return { kind: 'reused', ended }
  }

  return { create, redeem }
}

const INSERT = {
  name: 'authorization_code_insert',
  text: `
    INSERT INTO authorization_code
           (code_hash, client_id, user_id, parent_id, redirect_uri, scope, audience, claims, nonce,
            code_challenge, dpop_jkt, auth_time, amr, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, latchkey_now(),
            latchkey_now() + interval '${CODE_SECONDS} seconds')`
}

const SPEND = {
  name: 'authorization_code_spend',
  text: `
    UPDATE authorization_code SET spent_at = latchkey_now(), session_id = $3::uuid
     WHERE code_hash = $1 AND client_id = $2
       AND spent_at IS NULL AND expires_at > latchkey_now()
       AND (EXISTS (SELECT 1 FROM consent c
                     WHERE c.user_id = authorization_code.user_id
                       AND c.client_id = authorization_code.client_id FOR SHARE)
            OR EXISTS (SELECT 1 FROM client c
                        WHERE c.id = authorization_code.client_id AND c.is_first_party))
    RETURNING client_id AS "clientId", user_id AS "userId", parent_id AS "parentId",
              redirect_uri AS "redirectUri", scope, audience, claims, nonce,
              code_challenge AS "codeChallenge", dpop_jkt AS "dpopJkt", auth_time AS "authTime", amr`
}

/** What does not fit a code, or null. */
function faultOf(code: NewCode, presented: PresentedCode): string | null {
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
