import type { FloodCounter } from '../abuse/flood-limit.ts'
import type { AuditEvent, RequestOrigin } from '../audit/events.ts'
import { coarseAddress } from '../lib/coarse-address.ts'
import type { FailureStore } from './failure-store.ts'

/** Failures that one network may write into the trail: anybody can make them, and no row of it ever goes. */
const WRITTEN_PER_HOUR = 100
const HOUR_MS = 3_600_000

/** A mail's secret that did not hold, and how it was shown. */
export type FailedProof =
  'account.verification_failed' | 'password.reset_failed' | 'email.change_undo_failed'

export type Failures = ReturnType<typeof createFailures>

export type FailuresDeps = { store: FailureStore; countFlood: FloodCounter }

/** Attempts that came to nothing, for the audit trail. */
export function createFailures({ store, countFlood }: FailuresDeps) {
  /** Names nobody: the work is the same whether there is somebody behind the secret or not. */
  async function tellProof(
    type: FailedProof,
    by: 'link' | 'code',
    origin: RequestOrigin
  ): Promise<void> {
    await tell({ type, origin, details: { by } })
  }

  /** Somebody who is logged in did not know the password. */
  async function tellPassword(userId: string, origin: RequestOrigin): Promise<void> {
    await tell({ type: 'password.proof_failed', origin, userId })
  }

  /**
   * A failed login names nobody: the trail keeps when and from where. After the right password it names the
   * person, and why they did not get in; those have a count of their own, that guesses do not use up.
   */
  async function tellLogin(
    origin: RequestOrigin,
    proven?: { userId: string; reason: string }
  ): Promise<void> {
    const who = proven && { userId: proven.userId, details: { reason: proven.reason } }
    await tell({ type: 'login.failed', origin, ...who })
  }

  async function tell(event: AuditEvent & { origin: RequestOrigin }): Promise<void> {
    const network = coarseAddress(event.origin.address)
    const { count } = await countFlood(
      'failure',
      `${event.type}\0${event.userId === undefined ? '' : 'proven'}\0${network}`,
      HOUR_MS
    )
    if (count <= WRITTEN_PER_HOUR) await store.add(event)
  }

  return { tellProof, tellPassword, tellLogin }
}
