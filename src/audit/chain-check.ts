import type { DataKeys } from '../platform/keys/data-keys.ts'
import { chainKeyOf, eventDigest, firstIdAt, GENESIS, sealHash, type SealHead } from './chain.ts'
import type { ChainStore, CoveredEvent } from './chain-store.ts'
import { lateBefore } from './seal-store.ts'

/** What is wrong, and with which event or seal. */
export type ChainFault = {
  kind: 'removed' | 'altered' | 'inserted' | 'seal_altered' | 'seal_removed' | 'clock_went_back'
  /** The event's id, or the seal's number. */
  subject: string
}

export type ChainReport = {
  seals: number
  events: number
  /** The last seal's hash as hex, as the log has it; null before the first. */
  head: string | null
  /** Events that wait for the next seal, and since when. */
  waiting: number
  waitingSince: Date | null
  now: Date
  faults: ChainFault[]
}

type Seal = SealHead & { count: number; keyId: string; hash: Uint8Array }
type Link = Pick<Seal, 'number' | 'hash' | 'sealedAt'>

export type ChainCheckDeps = { store: ChainStore; dataKeys: Pick<DataKeys, 'find'> }

/** Holds the audit trail against its seals. Reads only. */
export function createChainCheck({ store, dataKeys }: ChainCheckDeps) {
  /** @param since leaves out what is older, for big tables */
  return async function checkChain(since?: Date): Promise<ChainReport> {
    const now = await store.now()
    const anchor = since === undefined ? null : await store.lastSealBefore(since)
    const chain = await walkSeals(anchor)
    const lateTime = lateBefore(await store.lastSeal(), now)
    const unsealed = await findUnsealed(since ?? new Date(0), anchor?.number ?? 0, lateTime)
    return { ...chain, ...unsealed, now, faults: [...chain.faults, ...unsealed.faults] }
  }

  async function walkSeals(anchor: Link | null) {
    const faults: ChainFault[] = []
    let previous = anchor
    let [seals, events] = [0, 0]
    for (;;) {
      const page: Seal[] = await store.sealsAfter(previous?.number ?? 0)
      const [first, last] = [page.at(0), page.at(-1)]
      if (first === undefined || last === undefined) break
      const covered = await store.coveredBy(first.number, last.number)
      for (const seal of page) {
        const own = covered.get(seal.number) ?? []
        faults.push(...linkFaults(previous, seal), ...contentFaults(seal, own))
        events += own.length
        previous = seal
      }
      seals += page.length
    }
    const head = previous === null ? null : Buffer.from(previous.hash).toString('hex')
    return { seals, events, head, faults }
  }

  function linkFaults(
    previous: Link | null,
    { number, previousHash, sealedAt }: Seal
  ): ChainFault[] {
    const faults: ChainFault[] = []
    const expected = (previous?.number ?? 0) + 1
    for (let gone = expected; gone < number && gone < expected + 10; gone += 1) {
      faults.push({ kind: 'seal_removed', subject: String(gone) })
    }
    const follows = Buffer.compare(previousHash, previous?.hash ?? GENESIS) === 0
    if (number === expected && !follows) {
      faults.push({ kind: 'seal_altered', subject: String(number) })
    }
    if (previous !== null && sealedAt < previous.sealedAt) {
      faults.push({ kind: 'clock_went_back', subject: String(number) })
    }
    return faults
  }

  /** The digests tell which event was touched; the seal's hash, that nobody has touched the digests. */
  function contentFaults(seal: Seal, covered: CoveredEvent[]): ChainFault[] {
    const faults: ChainFault[] = []
    const dataKey = dataKeys.find('audit', seal.keyId)
    const isWhole =
      dataKey !== undefined &&
      covered.length === seal.count &&
      Buffer.compare(sealHash(chainKeyOf(dataKey), seal, covered), seal.hash) === 0
    if (!isWhole) faults.push({ kind: 'seal_altered', subject: String(seal.number) })
    for (const { eventId, digest, event } of covered) {
      if (event === null) faults.push({ kind: 'removed', subject: eventId })
      else if (Buffer.compare(eventDigest(event), digest) !== 0) {
        faults.push({ kind: 'altered', subject: eventId })
      }
    }
    return faults
  }

  async function findUnsealed(since: Date, anchor: number, lateTime: Date) {
    const faults: ChainFault[] = []
    let waiting = 0
    let waitingSince: Date | null = null
    let afterId = firstIdAt(since)
    for (;;) {
      const page = await store.unsealedAfter(afterId, anchor)
      if (page === null) return { waiting, waitingSince, faults }
      for (const { id, at } of page.events) {
        // The sealer takes an event in by its id, and only if that says the time of the row.
        if (at < lateTime || id < firstIdAt(at) || id >= firstIdAt(new Date(at.getTime() + 1))) {
          faults.push({ kind: 'inserted', subject: id })
          continue
        }
        waiting += 1
        if (waitingSince === null || at < waitingSince) waitingSince = at
      }
      afterId = page.lastId
    }
  }
}
