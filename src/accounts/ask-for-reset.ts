import type { Captcha } from '../abuse/captcha.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { MailRequests } from './mail-requests.ts'

export type AskForReset = ReturnType<typeof createAskForReset>

export type AskForResetDeps = { captcha: Captcha; ask: MailRequests['ask'] }

/** "Forgot password", for the API and its page: who asks for many such mails shows that they are human. */
export function createAskForReset({ captcha, ask }: AskForResetDeps) {
  /** @throws {ProblemError} `captcha_required`, the same for every address */
  return async function askForReset(
    { email, captcha_token: token }: { email: string; captcha_token?: string },
    origin: RequestOrigin
  ): Promise<void> {
    const attempt = { action: 'forgot_password', address: origin.address, token } as const
    await captcha.guard(attempt, () => ask('password reset', email, origin))
  }
}
