import type { OwnPassword, ProveOwnPassword } from '../accounts/credentials.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { Principal } from './principal.ts'
import type { ReauthenticationStore } from './reauthentication-store.ts'
import type { AccessAnswer, IssueAccess } from './token-pair.ts'

export type ReauthenticationDeps = {
  proveOwnPassword: ProveOwnPassword
  store: ReauthenticationStore
  issueAccess: IssueAccess
}

export function createReauthentication(deps: ReauthenticationDeps) {
  const { proveOwnPassword, store, issueAccess } = deps

  /**
   * Shows the password again, for acts that want a young login (RFC 9470).
   * @returns another access token of the same session, with a new `auth_time`; the next refreshes keep it
   * @throws {ProblemError} `invalid_credentials`; `invalid_access_token` when the session ended meanwhile
   */
  return async function reauthenticate(
    { user, sessionId }: Principal,
    shown: OwnPassword,
    origin: RequestOrigin
  ): Promise<AccessAnswer> {
    const passwordHash = await proveOwnPassword(user, shown, origin)
    const renewed = await store.renew({ userId: user.id, sessionId, passwordHash }, origin)
    if (renewed === null) {
      throw new ProblemError('invalid_access_token', 'Log in, and send a valid access token.')
    }
    return issueAccess(renewed)
  }
}
