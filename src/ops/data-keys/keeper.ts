import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../platform/clock.ts'
import type { DataKey, KeyPurpose, LiveDataKeys } from '../../platform/keys/data-keys.ts'
import { ADDRESS_TABLES, type AddressStep } from './address-columns.ts'
import type { AddressStore } from './address-store.ts'
import type { KeyStore } from './key-store.ts'
import { BEGINNING, isLastPage, type Page } from './pages.ts'
import type { ResealStore } from './reseal-store.ts'
import { LATE_SECONDS, type RowsLeftStore } from './rows-left-store.ts'
import { SEALED_COLUMNS } from './sealed-columns.ts'

/** After a page comes a pause of its own length, and at least this: the tables are others' too. */
const PAUSE_MS = 10
const RESEALED: readonly KeyPurpose[] = ['sealing', 'signing', 'audit']
const EXPIRING: readonly KeyPurpose[] = ['refresh_mac', 'typed_code', 'device']

export type KeeperDeps = {
  dataKeys: LiveDataKeys
  clock: Clock
  keys: KeyStore
  reseal: ResealStore
  addresses: AddressStore
  left: RowsLeftStore
  announceSeconds: number
  /** How often it is looked whether something expired; that may read whole tables. */
  lookEveryMs?: number
}

/**
 * Brings along what lies under older data keys, and destroys those once nothing is left. What is done is
 * seen from the rows themselves, so it may end at any moment and be taken up by any server; pages that two
 * do at once do no harm.
 */
export function createKeeper(deps: KeeperDeps) {
  const { dataKeys, clock, keys, reseal, addresses, left, announceSeconds } = deps
  const { lookEveryMs = 600_000 } = deps
  const stopping = new AbortController()
  /** When a walk found nothing left, by the work that it was of. */
  const cleanSince = new Map<string, Date>()
  const lookedAtMs = new Map<string, number>()
  const isDone = new Set<string>()
  let rounds = 0

  /** Everything that is due. Ends early when another server is at it. */
  async function round(): Promise<void> {
    await dataKeys.reload()
    await keys.rewrap(rounds === 0)
    await keys.forgetPrevious()
    rounds += 1
    for (const purpose of RESEALED) await resealAll(purpose)
    await moveAddresses()
    for (const purpose of EXPIRING) await dropExpired(purpose)
  }

  async function resealAll(purpose: KeyPurpose): Promise<void> {
    const now = clock.now()
    const older = left.olderKeys(purpose, now)
    const active = dataKeys.activeAt(purpose, now)
    const name = `reseal ${active.id}`
    if (older.length === 0 || isDone.has(name)) return
    const olderIds = older.map(({ id }) => id)
    const columns = SEALED_COLUMNS.filter(
      (one) => one.purpose === purpose && one.keeps === undefined
    )
    const walk = async () => {
      let rows = 0
      for (const column of columns) {
        rows += await walkTable(column.keyType, (after) =>
          reseal.resealPage(column, olderIds, after)
        )
      }
      return rows
    }
    // Until then a server that is late may still seal with an older one.
    if (!hasPassed(active.activeAt, announceSeconds)) {
      await walk()
      return
    }
    const isKept = purpose === 'audit'
    if (!isKept) await keys.retire(older)
    if (!(await isThrough(name, walk))) return
    if (isKept) isDone.add(name)
    else await keys.destroy(older)
  }

  /** One step of the blind index after the other: see `address-index.ts`. */
  async function moveAddresses(): Promise<void> {
    const now = clock.now()
    const older = left.olderKeys('blind_index', now)
    const active = dataKeys.activeAt('blind_index', now)
    if (older.length === 0) return
    const { id, activeAt, readsAt, leadsAt, settledAt } = active
    if (readsAt === null) {
      if (hasPassed(activeAt, 1) && (await isThrough(`fill ${id}`, () => walkAddresses('fill')))) {
        await keys.announce(id, 'readsAt')
      }
    } else if (leadsAt === null) {
      // Once more, while the columns still tell it: a server that was late may have written a row as before,
      // and from the next step on nobody could tell that row from a finished one.
      const name = `fill before lead ${id}`
      const isDue = hasPassed(readsAt, announceSeconds)
      if (isDue && (await isThrough(name, () => walkAddresses('fill')))) {
        await keys.announce(id, 'leadsAt')
      }
    } else if (settledAt === null) {
      if (hasPassed(leadsAt, 1) && (await isThrough(`lead ${id}`, () => walkAddresses('lead')))) {
        await keys.announce(id, 'settledAt')
      }
    } else if (hasPassed(settledAt, announceSeconds)) {
      await keys.destroy(older)
    }
  }

  async function walkAddresses(step: AddressStep): Promise<number> {
    let rows = 0
    for (const table of ADDRESS_TABLES) {
      rows += await walkTable(table.keyType, (after) => addresses.movePage(table, step, after))
    }
    return rows
  }

  /** What such keys made is not brought along: it expires. */
  async function dropExpired(purpose: KeyPurpose): Promise<void> {
    const now = clock.now()
    const older = left.olderKeys(purpose, now)
    const lookedMs = lookedAtMs.get(purpose) ?? Number.NEGATIVE_INFINITY
    const { activeAt } = dataKeys.activeAt(purpose, now)
    if (older.length === 0 || !hasPassed(activeAt, LATE_SECONDS)) return
    if (performance.now() - lookedMs < lookEveryMs) return
    lookedAtMs.set(purpose, performance.now())
    if (!(await left.isAnyOfUse(purpose, now))) await keys.destroy(older)
  }

  /**
   * Whether nothing is left: one walk found nothing, every transaction that had begun by then has ended
   * (it may have written, or copied, what the walk could not see yet), and another walk found nothing.
   */
  async function isThrough(name: string, walk: () => Promise<number>): Promise<boolean> {
    const since = cleanSince.get(name)
    const isSecond = since !== undefined && (await left.haveAllEndedSince(since))
    if ((await walk()) > 0) {
      cleanSince.delete(name)
      return false
    }
    if (since === undefined) cleanSince.set(name, await left.realNow())
    if (isSecond) cleanSince.delete(name)
    return isSecond
  }

  /** @returns how many rows were not as they should be when the walk came to them */
  async function walkTable(
    keyType: keyof typeof BEGINNING,
    doPage: (after: string) => Promise<Page>
  ): Promise<number> {
    let rows = 0
    let after: string = BEGINNING[keyType]
    for (;;) {
      if (stopping.signal.aborted) return rows + 1
      const startedAtMs = performance.now()
      const page = await doPage(after)
      if (page.kind === 'not_mine') return rows + 1
      rows += page.done + page.left
      if (isLastPage(page)) return rows
      after = page.last ?? after
      const ms = Math.max(PAUSE_MS, performance.now() - startedAtMs)
      await delay(ms, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  const hasPassed = (at: DataKey['activeAt'], seconds: number) =>
    clock.now().getTime() >= at.getTime() + seconds * 1_000

  return {
    round,
    stop: () => {
      stopping.abort()
    }
  }
}
