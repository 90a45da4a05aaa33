import type { RequestOrigin } from '../../audit/events.ts'
import type { Audit } from '../../audit/record.ts'
import { OAuthError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Postgres } from '../../platform/postgres.ts'
import type { AccessTokenClaims, ActorClaim } from '../../tokens/access-token.ts'
import type { TokenCheck } from '../../tokens/token-check.ts'
import { identitiesOf } from '../../tokens/token-identity.ts'
import { isPublic, type Client } from '../client.ts'
import { grantAudience, isMeantFor, listOf } from '../resources.ts'
import { narrowScope, parseScope } from '../scopes.ts'
import type { Granted } from '../token-answer.ts'
import type { Grant, GrantCall } from '../token-endpoint.ts'
import type { TokenRequest } from '../token-schemas.ts'

/** RFC 8693 §3: both name the access tokens that there are here. */
const TOKEN_TYPES = [
  'urn:ietf:params:oauth:token-type:access_token',
  'urn:ietf:params:oauth:token-type:jwt'
]
/** How many may have acted in a row. */
const MAX_ACTORS = 5

export type TokenExchangeDeps = {
  checkToken: TokenCheck
  /** Whose session it is, as Postgres has it now; null when it has ended. */
  findGrant: (sessionId: string) => Promise<{ userId: string } | null>
  postgres: Postgres
  record: Audit
  clock: Clock
  issuer: string
}

/** A token that was shown, and whose it is; null for a client's own. */
type Accepted = { claims: AccessTokenClaims; userId: string | null }

/**
 * RFC 8693: a service that was called trades the caller's token for one that it may call the next with. What
 * comes of it never outlives, widens or unbinds what it is made of (SECURITY O12).
 */
export function createTokenExchange(deps: TokenExchangeDeps): Grant {
  const { checkToken, findGrant, postgres, record, clock, issuer } = deps

  return async function tokenExchange(call: GrantCall): Promise<Granted> {
    const { form, client, origin } = call
    if (isPublic(client)) {
      throw new OAuthError(
        'unauthorized_client',
        'Only a client with a secret may exchange tokens.'
      )
    }
    const shown = readTokens(form)
    const subject = await acceptSubject(shown.subject, call)
    const actor = shown.actor === undefined ? null : await acceptActor(shown.actor, call)
    const { claims } = subject
    const audience = audienceOf(call, claims)
    const { sub, sid, roles, auth_time: authTime, amr } = claims
    const expiresAt = Math.min(claims.exp, actor?.claims.exp ?? Number.POSITIVE_INFINITY)
    const granted: Granted = {
      kind: 'exchanged',
      sub,
      sid: sid ?? null,
      scope: scopeOf(call, claims),
      audience,
      roles: client.showsRoles ? (roles ?? null) : null,
      authTime: authTime ?? null,
      amr: amr ?? null,
      act: actorsOf(client, claims, actor),
      exchangedFrom: [claims, ...(actor === null ? [] : [actor.claims])].flatMap(identitiesOf),
      expiresAt,
      ttlSeconds: expiresAt - Math.floor(clock.now().getTime() / 1_000)
    }
    await tell(client, { subject, granted }, origin)
    return granted
  }

  /** Only who was called may call on: the token's audience, or whom the operator trusts with all tokens. */
  async function acceptSubject(token: string, call: GrantCall): Promise<Accepted> {
    const accepted = await accept(token, call)
    if (isMeantFor(call.client, accepted.claims)) return accepted
    throw refused('the subject token is not for this client')
  }

  /** Nobody acts in the name of a stranger: the client's own token, or one that was given to it. */
  async function acceptActor(token: string, call: GrantCall): Promise<Accepted> {
    const accepted = await accept(token, call)
    const { claims } = accepted
    if (claims.act !== undefined) throw refused('the actor token acts for somebody itself')
    if (claims.client_id === call.client.id || isMeantFor(call.client, claims)) return accepted
    throw refused('the actor token is not for this client')
  }

  /** A live token, and a proof where it is bound: the client's own key for its own token, or any. */
  async function accept(token: string, { client, dpopJkt }: GrantCall): Promise<Accepted> {
    const claims = await checkToken(token, null)
    if (claims === null) throw refused('no live access token')
    const { cnf, sid, client_id: clientId } = claims
    if (cnf !== undefined && dpopJkt === null) {
      throw new OAuthError('invalid_dpop_proof', 'A bound token is exchanged with a DPoP proof.')
    }
    if (cnf !== undefined && clientId === client.id && cnf.jkt !== dpopJkt) {
      throw refused("the client's own token, bound to another key")
    }
    const grant = sid === undefined ? null : await findGrant(sid)
    if (sid !== undefined && grant === null) throw refused('its session has ended')
    return { claims, userId: grant?.userId ?? null }
  }

  /** Our own doors open to nobody who could not pass them before. */
  function audienceOf({ form, client }: GrantCall, subject: AccessTokenClaims): string[] {
    const asked = [...new Set([...listOf(form.audience), ...listOf(form.resource)])]
    const isForUs = [subject.aud].flat().includes(issuer)
    const audience = grantAudience(client, asked).filter((name) => isForUs || name !== issuer)
    if (audience.length > 0 && audience.length >= asked.length) return audience
    throw new OAuthError('invalid_target', 'The client may not ask for a token for this service.')
  }

  async function tell(
    { id: clientId }: Client,
    { subject, granted }: { subject: Accepted; granted: Extract<Granted, { kind: 'exchanged' }> },
    origin: RequestOrigin
  ): Promise<void> {
    const { userId, claims } = subject
    const { sid, act, audience, scope } = granted
    await postgres.transaction((tx) =>
      record(tx, {
        type: 'token.exchanged',
        origin,
        clientId,
        ...(userId !== null && { userId }),
        ...(sid !== null && { sessionId: sid }),
        details: {
          subject_client: claims.client_id,
          actor: act.sub,
          audience: audience.join(' '),
          scope
        }
      })
    )
  }
}

/** @throws {OAuthError} `invalid_request` (RFC 8693 §2.1) */
function readTokens(form: TokenRequest): { subject: string; actor: string | undefined } {
  const { subject_token: subject, actor_token: actor, requested_token_type: requested } = form
  if (subject === undefined) throw invalidRequest('subject_token is required.')
  requireType('subject_token_type', form.subject_token_type)
  if (actor !== undefined) requireType('actor_token_type', form.actor_token_type)
  if (actor === undefined && form.actor_token_type !== undefined) {
    throw invalidRequest('actor_token_type goes with an actor_token.')
  }
  if (requested !== undefined && requested !== TOKEN_TYPES[0]) {
    throw invalidRequest(`requested_token_type can only be ${TOKEN_TYPES[0] ?? ''}.`)
  }
  return { subject, actor }
}

function requireType(name: string, type: string | undefined): void {
  if (type === undefined) throw invalidRequest(`${name} is required.`)
  if (!TOKEN_TYPES.includes(type)) throw invalidRequest(`${name} must be an access token's.`)
}

/** What the subject token has and the client may have; of that, what is asked for. There is nothing to go offline with. */
function scopeOf({ form, client }: GrantCall, subject: AccessTokenClaims): string {
  const held = parseScope(subject.scope).filter(
    (scope) => client.scopes.includes(scope) && scope !== 'offline_access'
  )
  return narrowScope(held.join(' '), form.scope)
}

/** Who acts now, and who acted before (RFC 8693 §4.1). */
function actorsOf(client: Client, subject: AccessTokenClaims, actor: Accepted | null): ActorClaim {
  const act = {
    sub: actor?.claims.sub ?? client.id,
    ...(subject.act !== undefined && { act: subject.act })
  }
  if (countActors(act) > MAX_ACTORS) throw refused(`more than ${MAX_ACTORS} have acted`)
  return act
}

function countActors(act: ActorClaim | undefined): number {
  return act === undefined ? 0 : 1 + countActors(act.act)
}

function invalidRequest(description: string): OAuthError {
  return new OAuthError('invalid_request', description)
}

/** RFC 8693 §2.2.2: `invalid_request` for every token that will not do, and one text. */
function refused(reason: string): OAuthError {
  return new OAuthError('invalid_request', 'This token cannot be exchanged by this client.', {
    reason
  })
}
