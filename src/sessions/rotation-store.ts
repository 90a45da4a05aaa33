import { userPlace } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { EnqueueMail } from '../mail/outbox.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import { Prisma } from '../platform/prisma/client.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { EndedSession, EndSessions } from './end-sessions.ts'
import type { RefreshClaim } from './refresh-token.ts'
import { ALIVE, createGenerationTurner } from './rotation-statement.ts'
import type { LiveSession, Presenter, SessionDelivery } from './session.ts'

export type RotationOutcome =
  /** Spent, and the session is one generation on. */
  | { kind: 'rotated'; session: LiveSession }
  /** The same of a token newer than its row: Postgres had lost commits. */
  | { kind: 'ahead'; session: LiveSession }
  /** The immediate predecessor within the grace, its successor unused: the answer was lost, give it again. */
  | { kind: 'repeated'; session: LiveSession }
  /** Spent long ago: theft. The session has been ended, and that is committed. */
  | { kind: 'reused'; sessionId: string; ended: EndedSession[] }
  | { kind: 'unusable'; reason: string }

export type RotationStore = ReturnType<typeof createRotationStore>

export type RotationStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  record: Audit
  endSessions: EndSessions
  enqueueMail: EnqueueMail
  issuer: string
  graceSeconds: number
}

/** The columns of a {@link LiveSession}, where `s` is the session and `u` its person. */
export const LIVE_SESSION = `
  s.id, s.user_id AS "userId", s.client_id AS "clientId", s.scope, s.audience,
  s.dpop_jkt AS "dpopJkt", s.generation,
  s.rotated_at AS "rotatedAt", s.expires_at AS "expiresAt", s.idle_expires_at AS "idleExpiresAt",
  s.auth_time AS "authTime", s.amr, u.roles, u.email_sealed AS "emailSealed",
  u.email_verified_at AS "emailVerifiedAt", u.name, u.username`

const MAIL_SECONDS = 24 * 3_600

type JudgedSession = LiveSession & {
  isAlive: boolean
  inGrace: boolean
  delivery: SessionDelivery
  device: string | null
  locale: string | null
}

export function createRotationStore(deps: RotationStoreDeps) {
  const { postgres, sealer, record, endSessions, enqueueMail, issuer, graceSeconds } = deps
  const turn = createGenerationTurner(postgres)

  /**
   * Spends the refresh token that says `claim`, if all is well.
   * @returns null where it is not: nothing was done, and {@link rotate} finds out why
   */
  async function rotateCurrent(
    { sessionId, generation, secret }: RefreshClaim,
    presenter: Presenter
  ): Promise<LiveSession | null> {
    return turn({ sessionId, secretHash: sha256(secret), generation, presenter })
  }

  /** Spends the refresh token that says `claim`. One statement when all is well. */
  async function rotate(
    claim: RefreshClaim,
    presenter: Presenter,
    origin: RequestOrigin
  ): Promise<RotationOutcome> {
    const session = await rotateCurrent(claim, presenter)
    if (session !== null) return { kind: 'rotated', session }
    const secretHash = sha256(claim.secret)
    return postgres.transaction((tx) => judge(tx, claim, { ...presenter, secretHash, origin }))
  }

  /** Finds out, with the row locked, why the statement did not match. */
  async function judge(
    tx: Transaction,
    { sessionId, generation }: RefreshClaim,
    {
      secretHash,
      clientId,
      delivery,
      dpopJkt,
      idleSeconds,
      origin
    }: Presenter & { secretHash: Buffer; origin: RequestOrigin }
  ): Promise<RotationOutcome> {
    const [session] = await tx.$queryRaw<JudgedSession[]>`
      SELECT ${Prisma.raw(LIVE_SESSION)}, s.delivery, s.device, u.locale, (${Prisma.raw(ALIVE)}) AS "isAlive",
             latchkey_now() < s.rotated_at + make_interval(secs => ${graceSeconds}) AS "inGrace"
        FROM session s JOIN users u ON u.id = s.user_id
       WHERE s.id = ${sessionId}::uuid AND s.secret_hash = ${secretHash} AND s.client_id = ${clientId}
         FOR UPDATE OF s`
    if (session === undefined) return { kind: 'unusable', reason: 'no such session of this client' }
    if (session.delivery !== delivery) return { kind: 'unusable', reason: 'shown by another way' }
    if (session.dpopJkt !== dpopJkt) return { kind: 'unusable', reason: 'shown without its key' }
    if (!session.isAlive) return { kind: 'unusable', reason: 'session ended or person disabled' }
    if (generation >= session.generation) {
      return catchUp(tx, session, { generation, idleSeconds }, origin)
    }
    const isPredecessor = generation === session.generation - 1
    if (session.inGrace && isPredecessor) return { kind: 'repeated', session }
    // Two tabs share one cookie and can be two generations apart without anybody being a thief.
    if (session.inGrace && session.delivery === 'cookie') {
      return { kind: 'unusable', reason: 'lost a race between two tabs' }
    }
    return endReused(tx, session, generation, origin)
  }

  /** A token ahead of its row has a good MAC: Postgres has lost commits, and nobody stole anything. */
  async function catchUp(
    tx: Transaction,
    session: JudgedSession,
    { generation, idleSeconds }: { generation: number; idleSeconds: number },
    origin: RequestOrigin
  ): Promise<RotationOutcome> {
    const [row] = await tx.$queryRaw<
      Pick<LiveSession, 'generation' | 'rotatedAt' | 'idleExpiresAt'>[]
    >`
      UPDATE session
         SET generation = ${generation}::int + 1, rotated_at = latchkey_now(), last_used_at = latchkey_now(),
             idle_expires_at = LEAST(expires_at, latchkey_now() + make_interval(secs => ${idleSeconds}))
       WHERE id = ${session.id}::uuid AND generation <= ${generation}::int
      RETURNING generation, rotated_at AS "rotatedAt", idle_expires_at AS "idleExpiresAt"`
    if (row === undefined) return { kind: 'unusable', reason: 'the session moved on meanwhile' }
    // It was good, but somebody held its row when it was asked for with others.
    if (generation === session.generation) {
      return { kind: 'rotated', session: { ...session, ...row } }
    }
    await record(tx, {
      type: 'session.ahead_of_store',
      origin,
      ...owner(session),
      details: { stored: session.generation, presented: generation }
    })
    return { kind: 'ahead', session: { ...session, ...row } }
  }

  /**
   * The server cannot tell the thief from the client, so neither goes on (RFC 9700 §4.14.2). The session
   * ends as any other does: with its grants, and its client is told.
   */
  async function endReused(
    tx: Transaction,
    session: JudgedSession,
    generation: number,
    origin: RequestOrigin
  ): Promise<RotationOutcome> {
    const details = { stored: session.generation, presented: generation }
    await record(tx, { type: 'session.reuse_detected', origin, ...owner(session), details })
    const target = { sessionId: session.id }
    const ended = await endSessions(tx, target, 'refresh_token_reuse', { origin })
    const place = userPlace(session.userId, 'email_sealed')
    const to = sealer.open(session.emailSealed, place)
    const data = { issuer, device: session.device }
    const mail = { template: 'session-reuse', to, locale: session.locale, data } as const
    await enqueueMail(tx, mail, MAIL_SECONDS, session.userId)
    return { kind: 'reused', sessionId: session.id, ended }
  }

  return { rotate, rotateCurrent }
}

const owner = ({ id, userId, clientId }: LiveSession) => ({ sessionId: id, userId, clientId })
