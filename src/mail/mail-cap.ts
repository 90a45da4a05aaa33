import { hmacSha256 } from '../lib/secrets.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Transaction } from '../platform/postgres.ts'

/** At most `mails` of a kind to one mailbox in so many seconds. */
export type Cap = { mails: number; seconds: number }

export type MailCap = ReturnType<typeof createMailCap>

/** Nobody's mailbox is flooded by somebody else's clicks. Whoever asks is not told. */
export function createMailCap(dataKeys: DataKeys, caps: Cap[]) {
  /**
   * Counts one more mail if there is room for it. The lock makes parallel callers take turns, so that
   * only mails that are really written count.
   * @param kind mails of different kinds do not share a cap
   */
  return async function takeMailSlot(
    tx: Transaction,
    kind: string,
    canonicalEmail: string
  ): Promise<boolean> {
    const key = dataKeys.newest('blind_index')
    const mailbox = `mail\0${kind}\0${foldAddress(canonicalEmail)}`
    const slots = caps.map((cap) => ({
      ...cap,
      key: new Uint8Array(hmacSha256(key, `${mailbox}\0${cap.seconds}`))
    }))
    const lock = hmacSha256(key, mailbox).readBigInt64BE()
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${lock}::bigint)`
    const counters = await tx.attemptCounter.findMany({
      where: { key: { in: slots.map((slot) => slot.key) } }
    })
    const [{ now }] = await tx.$queryRaw<[{ now: Date }]>`SELECT latchkey_now() AS now`
    const used = (slot: (typeof slots)[number]) =>
      counters.find(
        (counter) => Buffer.compare(counter.key, slot.key) === 0 && counter.windowEndsAt > now
      )?.count ?? 0
    if (slots.some((slot) => used(slot) >= slot.mails)) return false
    for (const slot of slots) {
      const windowEndsAt = new Date(now.getTime() + slot.seconds * 1_000)
      await (used(slot) === 0
        ? tx.attemptCounter.upsert({
            where: { key: slot.key },
            create: { key: slot.key, count: 1, windowEndsAt },
            update: { count: 1, windowEndsAt }
          })
        : tx.attemptCounter.update({ where: { key: slot.key }, data: { count: { increment: 1 } } }))
    }
    return true
  }
}

/** Many mail servers deliver `a.b+c@` to `ab@`: for counting, and for that alone, they are one mailbox. */
function foldAddress(address: string): string {
  const at = address.lastIndexOf('@')
  const [mailbox = ''] = address.slice(0, at).toLowerCase().split('+')
  return mailbox.replaceAll('.', '') + address.slice(at)
}
