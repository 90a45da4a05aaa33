import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { OwnPassword, ProveOwnPassword } from './credentials.ts'
import type { EmailChangeStore } from './email-change-store.ts'
import type { Failures } from './failures.ts'
import { requireEmail } from './registration.ts'
import type { User } from './user.ts'

export type EmailChangesDeps = {
  store: EmailChangeStore
  proveOwnPassword: ProveOwnPassword
  tellFailedProof: Failures['tellProof']
  revocationFeed: RevocationFeed
}

/** Moving to another address: asked for with the password, proven at the new one, undoable from the old one. */
export function createEmailChanges(deps: EmailChangesDeps) {
  const { store, proveOwnPassword, tellFailedProof, revocationFeed } = deps

  /** The same answer whether the new address is free or not. @throws {ProblemError} `invalid_credentials` */
  async function request(
    user: User,
    newEmail: string,
    shown: OwnPassword,
    origin: RequestOrigin
  ): Promise<void> {
    const email = requireEmail(newEmail)
    const provenHash = await proveOwnPassword(user, shown, origin)
    const outcome = await store.request(user, provenHash, email, origin)
    if (outcome === 'password_changed') {
      throw new ProblemError('invalid_credentials', 'The password was changed meanwhile.')
    }
    if (outcome === 'not_yet') {
      throw new ProblemError(
        'email_change_not_yet',
        'The address was changed lately and that can still be undone. Try again after 72 hours.'
      )
    }
  }

  /** @throws {ProblemError} `invalid_token` */
  async function undo(token: string, origin: RequestOrigin): Promise<void> {
    const undone = await store.undo({ token }, origin)
    if (undone === null) {
      await tellFailedProof('email.change_undo_failed', 'link', origin)
      throw new ProblemError('invalid_token', 'This link is wrong, was used, or has expired.')
    }
    revocationFeed.announce(undone.ended)
  }

  return { request, undo }
}
