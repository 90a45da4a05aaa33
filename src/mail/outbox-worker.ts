import type { Sealer } from '../platform/keys/sealer.ts'
import { startLoop, type Loop } from '../platform/loop.ts'
import { payloadPlace, type OutboxKind } from './outbox.ts'
import type { ClaimedMessage, OutboxStore } from './outbox-store.ts'

const POLL_MS = 250
const BATCH = 10
/** Growing waits: 15 s, 30 s, 1 min … up to an hour. */
const retryAfterSeconds = (attempts: number) => Math.min(15 * 2 ** (attempts - 1), 3_600)

export type OutboxWorkerDeps = {
  store: OutboxStore
  sealer: Sealer
  kind: OutboxKind
  /** Does what the message asks for. It may be asked again with the same `id`. */
  handle: (payload: never, id: string) => Promise<void>
  onFault: (error: unknown) => void
}

/**
 * Works off what the outbox holds of a kind: takes a lease, does the work without holding a
 * transaction, then says so. At least once, and once whenever the answer arrived.
 */
export function startOutboxWorker(deps: OutboxWorkerDeps): Loop {
  const { store, sealer, kind, handle, onFault } = deps

  async function work(message: ClaimedMessage): Promise<void> {
    try {
      const text = sealer.open(message.payloadSealed, payloadPlace(message.id))
      await handle(JSON.parse(text) as never, message.id)
    } catch (error) {
      onFault(withoutWords(error, message.id))
      await store.postpone(message, retryAfterSeconds(message.attempts), errorCode(error))
      return
    }
    await store.finish(message)
  }

  return startLoop({
    intervalMs: POLL_MS,
    onFault,
    work: async () => {
      const messages = await store.take(kind, BATCH)
      await Promise.all(messages.map(work))
      if (messages.length === 0) await store.parkExpired()
    }
  })
}

/** A mail server's own words may repeat the address: no log is told more than the kind of failure. */
function withoutWords(error: unknown, id: string): unknown {
  const hasWords = typeof (error as { response?: unknown }).response === 'string'
  return hasWords ? new Error(`message ${id} was refused: ${errorCode(error)}`) : error
}

/** The kind of failure: what the row keeps. */
function errorCode(error: unknown): string {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown }
  if (typeof responseCode === 'number') return `SMTP ${responseCode}`
  return typeof code === 'string' ? code : 'unknown'
}
