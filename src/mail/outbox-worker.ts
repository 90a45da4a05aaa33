import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Sealer } from '../platform/keys/sealer.ts'
import { startLoop, type Loop } from '../platform/loop.ts'
import { payloadPlace, type OutboxKind } from './outbox.ts'
import type { ClaimedMessage, OutboxStore } from './outbox-store.ts'

const POLL_MS = 250
/** How many are worked on at once. One that hangs holds its own place and no other. */
const AT_ONCE = 10

/** After one has ended others soon do: the next are taken for all of them together. */
const GATHER_MS = 5

/** What was done must be written down, or it is done again: as often as fits into the lease. */
const TRIES_TO_SAY = 20
const BETWEEN_TRIES_MS = 500

/** Growing waits: 5 s, 10 s, 20 s … up to an hour, each a quarter shorter or longer, so that not all come at once. */
export function retryAfterSeconds(attempts: number): number {
  const seconds = Math.min(5 * 2 ** (attempts - 1), 3_600)
  return (seconds * randomInt(750, 1_251)) / 1_000
}

/** What became of an attempt; `expired` is what was given up without another one. */
export type OutboxOutcome = 'sent' | 'retried' | 'parked' | 'expired'

export type OutboxWorkerDeps = {
  store: OutboxStore
  sealer: Sealer
  kind: OutboxKind
  /**
   * Does what the message asks for. It may be asked again with the same `id`. Of what it throws, the row
   * keeps `code`, and `isPermanent` says that another attempt is of no use.
   */
  handle: (payload: never, id: string) => Promise<void>
  onFault: (error: unknown) => void
  onOutcome?: (outcome: OutboxOutcome, count: number) => void
}

/**
 * Works off what the outbox holds of a kind: takes a lease, does the work without holding a
 * transaction, then says so. At least once, and once whenever the answer arrived.
 */
export function startOutboxWorker(deps: OutboxWorkerDeps): Loop {
  const { store, sealer, kind, handle, onFault, onOutcome = () => undefined } = deps
  const underWay = new Set<Promise<void>>()
  let isStopped = false

  async function attempt(message: ClaimedMessage): Promise<OutboxOutcome> {
    try {
      const text = sealer.open(message.payloadSealed, payloadPlace(message.id))
      await handle(JSON.parse(text) as never, message.id)
    } catch (error) {
      onFault(error)
      const { code, isPermanent } = error as { code?: unknown; isPermanent?: unknown }
      const errorCode = typeof code === 'string' ? code : 'unknown'
      if (isPermanent === true) {
        await untilSaid(() => store.park(message, errorCode))
        return 'parked'
      }
      await store.postpone(message, retryAfterSeconds(message.attempts), errorCode)
      return 'retried'
    }
    await untilSaid(() => store.finish(message))
    return 'sent'
  }

  function begin(message: ClaimedMessage): void {
    const work = attempt(message)
      .then((outcome) => {
        onOutcome(outcome, 1)
      }, onFault)
      .finally(() => underWay.delete(work))
    underWay.add(work)
  }

  const loop = startLoop({
    intervalMs: POLL_MS,
    onFault,
    work: async () => {
      while (!isStopped) {
        const places = AT_ONCE - underWay.size
        const messages = places === 0 ? [] : await store.take(kind, places)
        messages.forEach(begin)
        if (messages.length < places) break // nothing more is due
        await Promise.race(underWay)
        await delay(GATHER_MS)
      }
      const expired = await store.parkExpired(kind)
      if (expired > 0) onOutcome('expired', expired)
    }
  })

  return {
    stop: async () => {
      isStopped = true
      await loop.stop()
      await Promise.all(underWay)
    }
  }
}

async function untilSaid(say: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await say()
      return
    } catch (error) {
      if (tries === TRIES_TO_SAY) throw error
      await delay(BETWEEN_TRIES_MS)
    }
  }
}
