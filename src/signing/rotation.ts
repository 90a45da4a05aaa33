import type { RequestOrigin } from '../audit/events.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { SigningAlgorithm } from './algorithm.ts'
import { readPrivatePem, UnusableKeyError } from './jwk.ts'
import { nextStep, ringState, type RotationRules } from './ring-plan.ts'
import type {
  AdvanceOutcome,
  FreshKeys,
  Replacement,
  RotateOutcome,
  RotationStore
} from './rotation-store.ts'
import { makeSigningKey, sealSigningKey } from './sealed-key.ts'
import type { SigningKeyRow } from './key-store.ts'
import { rotationTimeline, type Timeline } from './timeline.ts'

export type RotationDeps = {
  store: RotationStore
  sealer: Sealer
  clock: Clock
  algorithms: readonly SigningAlgorithm[]
  /** 0: the active key stays until somebody asks for another. */
  rotationDays: number
}

const DAY_SECONDS = 86_400

/** @param rotationDays 0: nobody rotates by itself */
export function rotationRules(rotationDays: number): RotationRules {
  return {
    timeline: rotationTimeline(),
    periodSeconds: rotationDays === 0 ? null : rotationDays * DAY_SECONDS
  }
}

/** How keys come and go. Keys are made before any lock is taken: prime numbers may take a slow machine a second. */
export function createRotation(deps: RotationDeps) {
  const { store, sealer, clock, algorithms } = deps
  const rules = rotationRules(deps.rotationDays)
  const { timeline } = rules

  /**
   * Does what is due: the reserve where there is none, the next key where the time has come. Costs nothing while
   * nothing is; may be called by every server, as often as it likes.
   * @param keys as they are known here; what is done, Postgres decides
   */
  async function advance(
    keys: readonly Omit<SigningKeyRow, 'sealedPrivate' | 'publicJwk'>[]
  ): Promise<Exclude<AdvanceOutcome, { kind: 'none' }>[]> {
    const now = clock.now()
    const isDue = (alg: SigningAlgorithm) => {
      const ring = keys.filter((key) => key.alg === alg)
      return nextStep(ringState(ring, now), now, rules) !== 'none'
    }
    const outcomes: AdvanceOutcome[] = []
    for (const alg of algorithms.filter(isDue)) {
      outcomes.push(await store.advance(await makeSigningKey(alg, sealer), rules))
    }
    return outcomes.filter((outcome) => outcome.kind !== 'none')
  }

  /** Starts a rotation of these rings now: the reserve signs as soon as every verifier can know it. */
  async function rotate(
    rings: readonly SigningAlgorithm[],
    origin: RequestOrigin
  ): Promise<RotateOutcome[]> {
    const outcomes: RotateOutcome[] = []
    for (const alg of rings) {
      outcomes.push(await store.rotate(await freshKeys(alg), timeline, origin))
    }
    return outcomes
  }

  /**
   * Drops every key of these rings, `noticeSeconds` from now; new ones take their places. `all` drops every key
   * there is, whether SIGNING_ALGORITHMS names its ring or not.
   */
  async function replaceAll(
    rings: readonly SigningAlgorithm[] | 'all',
    noticeSeconds: number,
    act: { reason: 'emergency' | 'recovery'; origin: RequestOrigin }
  ): Promise<Replacement[]> {
    const fresh = await Promise.all((rings === 'all' ? algorithms : rings).map(freshKeys))
    return store.replaceAll(fresh, rings === 'all' ? 'all' : 'these', noticeSeconds, act)
  }

  /**
   * Adds a private key that was made elsewhere to the ring of its algorithm.
   * @param pem as `openssl` writes it
   * @throws {UnusableKeyError} when it is of no kind that a ring is of, or in the ring already
   */
  async function importKey(
    pem: string,
    origin: RequestOrigin,
    importTimeline: Timeline = timeline
  ): Promise<string> {
    const key = await sealSigningKey(readPrivatePem(pem), sealer)
    if (!algorithms.includes(key.alg)) {
      const says = `This key is for ${key.alg}, which SIGNING_ALGORITHMS does not name.`
      throw new UnusableKeyError(says)
    }
    if (await store.add(key, importTimeline, origin)) return key.kid
    throw new UnusableKeyError('The ring holds this key already.')
  }

  async function freshKeys(alg: SigningAlgorithm): Promise<FreshKeys> {
    const make = () => makeSigningKey(alg, sealer)
    const [active, reserve] = await Promise.all([make(), make()])
    return { active, reserve }
  }

  return { rules, advance, rotate, replaceAll, importKey }
}
