import { ProblemError } from '../errors.ts'
import type {
  OutboxAct,
  OutboxAdminStore,
  OutboxEntry,
  OutboxFilter
} from './outbox-admin-store.ts'

export type OutboxAdmin = ReturnType<typeof createOutboxAdmin>

/** What an administrator sees of unsent messages and does with them: never whom they are for or what they say. */
export function createOutboxAdmin(store: OutboxAdminStore) {
  async function list(filter: OutboxFilter): Promise<OutboxEntry[]> {
    return store.list(filter)
  }

  /** @throws {ProblemError} `not_found`, or `not_parked` when it waits by itself or has expired */
  async function retry(act: OutboxAct): Promise<void> {
    const outcome = await store.retryParked(act)
    if (outcome === 'unknown') throw noSuchMessage()
    if (outcome === 'not parked') {
      throw new ProblemError('not_parked', 'This message waits by itself, or it has expired.')
    }
  }

  /** @throws {ProblemError} `not_found` */
  async function remove(act: OutboxAct): Promise<void> {
    if (!(await store.removeUnsent(act))) throw noSuchMessage()
  }

  return { list, retry, remove }
}

function noSuchMessage(): ProblemError {
  return new ProblemError('not_found', 'There is no such message, or it was sent.')
}
