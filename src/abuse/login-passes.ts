import { clientNetwork } from '../lib/client-network.ts'
import type { Clock } from '../platform/clock.ts'
import type { FloodCounts } from './flood-limit.ts'

/** A reset counts in the span in which it was done, and in the next one. */
const SPAN_MS = 10 * 60_000
/** Logins that a network has in a span for it. */
const LOGINS = 10

export type LoginPasses = ReturnType<typeof createLoginPasses>

/**
 * Networks where a password was reset lately have a few logins that are not shed for what others did under a
 * name: the owner gets in while a flood goes on. Under any name, known or not: if it were for the owner's
 * alone, whoever guesses from the same network would see that there is one.
 */
export function createLoginPasses({ floods, clock }: { floods: FloodCounts; clock: Clock }) {
  const spanNow = () => Math.floor(clock.now().getTime() / SPAN_MS)
  const named = (address: string, span: number) => `${clientNetwork(address)}\0${span}`

  /** Somebody has reset their password. */
  async function grant(address: string): Promise<void> {
    const span = spanNow()
    const spans = [span, span + 1].map((one) => named(address, one))
    await Promise.all(spans.map((one) => floods.count('reset done', one, 2 * SPAN_MS)))
  }

  /** One of the logins that a network has. @returns whether there was one left */
  async function take(address: string): Promise<boolean> {
    const span = named(address, spanNow())
    if ((await floods.counted('reset done', span)) === 0) return false
    return (await floods.count('login after reset', span, SPAN_MS)).count <= LOGINS
  }

  return { grant, take }
}
