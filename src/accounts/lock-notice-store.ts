import type { GuessLanes } from '../abuse/guess-lanes.ts'
import type { GuessMilestone, GuessSubject } from '../abuse/guess.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { userPlace } from './user.ts'

const NOTICE_SECONDS = 24 * 3_600

export type LockNoticeStore = ReturnType<typeof createLockNoticeStore>

export type LockNoticeStoreDeps = Pick<
  AccountStoreDeps,
  'postgres' | 'sealer' | 'takeMailSlot' | 'enqueueMail' | 'record' | 'issuer'
> & { takeTelling: GuessLanes['takeTelling'] }

/** Somebody was told of these guesses meanwhile. */
class ToldError extends Error {}

/** What is written of wrong guesses in a row, once they have come to a milestone. */
export function createLockNoticeStore(deps: LockNoticeStoreDeps) {
  const { postgres, sealer, takeMailSlot, enqueueMail, record, issuer, takeTelling } = deps

  /**
   * Writes it once a run of wrong guesses, however often it is asked to. The lane is taken last, and that of
   * nobody too: how long a guess at it might have to wait tells nothing.
   * @param userId null for a name without an account
   */
  async function tell(
    milestone: GuessMilestone,
    userId: string | null,
    subject: GuessSubject,
    origin: RequestOrigin
  ): Promise<void> {
    await postgres
      .transaction(async (tx) => {
        if (userId !== null) await write[milestone](tx, userId, subject, origin)
        if (!(await takeTelling(tx, subject, milestone))) throw new ToldError()
      })
      .catch((error: unknown) => {
        if (!(error instanceof ToldError)) throw error
      })
  }

  const write = {
    /** For the trail alone: people who mistype cause it. */
    throttled: async (
      tx: Transaction,
      userId: string,
      subject: GuessSubject,
      origin: RequestOrigin
    ) => {
      if ((await tx.user.count({ where: { id: userId } })) === 0) return
      const [lane = ''] = Object.keys(subject)
      await record(tx, { type: 'account.throttled', origin, userId, details: { lane } })
    },
    /** Tells the owner that somebody keeps guessing. */
    locked: async (
      tx: Transaction,
      userId: string,
      _subject: GuessSubject,
      origin: RequestOrigin
    ) => {
      const user = await tx.user.findUnique({ where: { id: userId } })
      if (user === null) return
      await record(tx, { type: 'account.locked', origin, userId })
      const data = { issuer, resetLink: `${issuer}/forgot-password` }
      const to = sealer.open(user.emailSealed, userPlace(userId, 'email_sealed'))
      const mail = { template: 'account-locked', data, to, locale: user.locale } as const
      if (await takeMailSlot(tx, mail.template, to))
        await enqueueMail(tx, mail, NOTICE_SECONDS, userId)
    }
  }

  return { tell }
}
