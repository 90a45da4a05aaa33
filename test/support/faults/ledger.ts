import { setTimeout as delay } from 'node:timers/promises'
import { sendCall, type Answer, type Call } from './call.ts'

/** The promise is 1 s from commit to refusal (SECURITY T7); no server answers from an older memory, however slow. */
const REFUSED_AFTER_MS = 1_000
const BETWEEN_TRIES_MS = 50

/** Something that was ended or spent, and acknowledged: it must never work again, at any server. */
export type Refusal = {
  what: string
  call: Call
  /** The statuses that are a refusal. */
  refused: number[]
  /** Not in the crowd: it is dear, or changes something when it is refused. */
  onlyAtEnd: boolean
  sinceMs: number
}

/** A login that must go on, for as long as its client does not begin to end it. */
export type HeldSession = { accessToken: string; refreshToken: string; isLive: boolean }

/** Somebody who must be able to log in. */
export type HeldPerson = { email: string; password: string }

export type Phase = 'setup' | 'before' | 'fault' | 'after' | 'replay'
export type Sample = {
  path: string
  phase: Phase
  tookMs: number
  status: number
  endedAtMs: number
  /** The server itself said so, not a balancer in its place. */
  isOwn: boolean
}

/** The clients gave up: the scenario is over. */
export class LoadEnded extends Error {
  override readonly name = 'LoadEnded'
}

export type Ledger = ReturnType<typeof createLedger>

/**
 * What the clients of some servers were told: every acknowledged act, and every refusal that must hold.
 * @param bases the servers' origins; a client asks any of them, and asks again where no answer came
 */
export function createLedger(bases: readonly string[]) {
  const counts = {
    requests: 0,
    acknowledged: 0,
    unavailable: 0,
    shed: 0,
    unanswered: 0,
    refused: 0
  }
  /** Broken promises, in words. */
  const broken = { lost: [] as string[], letIn: [] as string[], wrongly401: [] as string[] }
  const unexpected: string[] = []
  const samples: Sample[] = []
  const refusals: Refusal[] = []
  const sessions = new Set<HeldSession>()
  const people = new Set<HeldPerson>()
  const state = { phase: 'setup' as Phase, bases: [...bases], isEnded: false }

  function note(path: string, answer: Answer | null, startedAtMs: number): void {
    counts.requests += 1
    const endedAtMs = performance.now()
    const status = answer?.status ?? 0
    const tookMs = Math.round(endedAtMs - startedAtMs)
    const isOwn = answer !== null && ('code' in answer.body || 'error' in answer.body)
    samples.push({ path, phase: state.phase, tookMs, status, endedAtMs, isOwn })
    if (answer === null) counts.unanswered += 1
    else if (status === 0) counts.refused += 1
    else if (status < 400) counts.acknowledged += 1
    else if ([502, 503, 504].includes(status)) counts.unavailable += 1
    else if (status === 429) counts.shed += 1
    else if (status >= 500) unexpected.push(`${path}: ${status} ${JSON.stringify(answer.body)}`)
  }

  /** One request, counted; what asks again and again is a try of one act. */
  async function ask(call: Call, base = anyOf(state.bases)!): Promise<Answer | null> {
    const startedAtMs = performance.now()
    const answer = await sendCall(base, call)
    note(call.path.replace(/\?.*|[0-9a-f-]{36}/g, ''), answer, startedAtMs)
    return answer
  }

  /**
   * Asks until there is an answer that says yes or no.
   * @throws {LoadEnded}
   */
  async function insist(call: Call, base?: string): Promise<Answer & { tries: number }> {
    for (let tries = 1; ; tries += 1) {
      const answer = await ask(call, base)
      if (isDefinite(answer)) return { ...answer, tries }
      if (state.isEnded) throw new LoadEnded()
      await delay(BETWEEN_TRIES_MS)
    }
  }

  function refuse(
    what: string,
    call: Call,
    { refused = [401], onlyAtEnd = false }: Partial<Pick<Refusal, 'refused' | 'onlyAtEnd'>> = {}
  ): void {
    refusals.push({ what, call, refused, onlyAtEnd, sinceMs: performance.now() })
  }

  /** Both tokens of a session that has ended. */
  function refuseSession(what: string, session: HeldSession): void {
    end(session)
    refuse(`${what}: access token`, verifying(session.accessToken))
    refuse(`${what}: refresh token`, refreshing(session.refreshToken))
  }

  /** From now on nobody counts on it. */
  function end(session: HeldSession): void {
    session.isLive = false
    sessions.delete(session)
  }

  /** Shows what must be refused to one server. */
  async function tryRefusal(refusal: Refusal, base: string): Promise<Answer | null> {
    const answer = await ask(refusal.call, base)
    if (isDefinite(answer) && !refusal.refused.includes(answer.status)) {
      broken.letIn.push(`${refusal.what}: ${answer.status} at ${base}`)
    }
    return answer
  }

  /** Shows a live access token to one server. */
  async function trySession(session: HeldSession, base: string): Promise<Answer | null> {
    const answer = await ask(verifying(session.accessToken), base)
    if (isDefinite(answer) && answer.status !== 200 && session.isLive) {
      broken.wrongly401.push(`a live access token: ${answer.status} at ${base}`)
    }
    return answer
  }

  return {
    state,
    counts,
    broken,
    unexpected,
    samples,
    refusals,
    sessions,
    people,
    ask,
    insist,
    refuse,
    refuseSession,
    end,
    tryRefusal,
    trySession,
    /** Those that hold by now. */
    heldRefusals: () =>
      refusals.filter(
        ({ sinceMs, onlyAtEnd }) => !onlyAtEnd && performance.now() - sinceMs > REFUSED_AFTER_MS
      )
  }
}

export const verifying = (token: string): Call => ({ path: '/verify-token', token })

export const refreshing = (token: string): Call => ({
  path: '/auth/refresh-token',
  json: { refresh_token: token }
})

/** A yes or a no; not "ask again". */
function isDefinite(answer: Answer | null): answer is Answer {
  return answer !== null && ![0, 429].includes(answer.status) && answer.status < 500
}

export function anyOf<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)]
}
