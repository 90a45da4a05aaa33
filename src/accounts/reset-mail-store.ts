import type { RequestOrigin } from '../audit/events.ts'
import { parseEmailAddress } from '../lib/email-address.ts'
import type { Connection } from '../platform/postgres.ts'
import type { AccountStoreDeps } from './store-deps.ts'

const RESET_SECONDS = 30 * 60

export type SendReset = ReturnType<typeof createResetMails>

export type ResetMailsDeps = Pick<
  AccountStoreDeps,
  'mailTokens' | 'takeMailSlot' | 'enqueueMail' | 'record' | 'issuer'
>

/** Whose password it is, and where the mail goes. */
export type ResetRecipient = { userId: string; to: string; locale: string | null }

export function createResetMails(deps: ResetMailsDeps) {
  const { mailTokens, takeMailSlot, enqueueMail, record, issuer } = deps

  /**
   * Mails a link and a code that set a password; the older ones stop to work.
   * @param template for whom asked, or for whom has none that counts
   */
  return async function sendReset(
    tx: Connection,
    { userId, to, locale }: ResetRecipient,
    template: 'reset-password' | 'choose-password',
    origin: RequestOrigin
  ): Promise<void> {
    const canonicalEmail = parseEmailAddress(to)?.canonical ?? to
    if (!(await takeMailSlot(tx, 'reset-password', canonicalEmail))) return
    const { token, code } = await mailTokens.replace(tx, {
      purpose: 'reset_password',
      canonicalEmail,
      ttlSeconds: RESET_SECONDS,
      belongsTo: { userId }
    })
    const link = `${issuer}/reset-password?token=${token}`
    const data = { link, code, minutes: RESET_SECONDS / 60 }
    await enqueueMail(tx, { template, data, to, locale }, RESET_SECONDS, userId)
    await record(tx, { type: 'password.reset_requested', origin, userId })
  }
}
