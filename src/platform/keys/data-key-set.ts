import type { DataKey, KeyPurpose } from './data-key-rows.ts'

/** How long a key that was destroyed in Postgres still opens what was read just before. */
const LINGER_MS = 60_000

/** The keys of the blind index that count at a moment, and which column looks addresses up. */
export type IndexKeys = { first: DataKey; second: DataKey; readsNext: boolean }

export type DataKeySet = ReturnType<typeof createDataKeySet>

/** The data keys in memory, by what they are for. `now` is Postgres' time. */
export function createDataKeySet(initial: DataKey[], now: () => Date) {
  let keys = initial
  let byId = new Map(keys.map((key) => [key.id, key]))
  const leftAtMs = new Map<string, number>()

  /** Takes over what Postgres holds now. */
  function replace(next: DataKey[]): void {
    const atMs = performance.now()
    const held = new Map(next.map((key) => [key.id, key]))
    for (const [id, key] of byId) {
      if (held.has(id)) continue
      const sinceMs = leftAtMs.get(id) ?? atMs
      leftAtMs.set(id, sinceMs)
      if (atMs - sinceMs < LINGER_MS) held.set(id, key)
      else leftAtMs.delete(id)
    }
    keys = next
    byId = held
  }

  /**
   * Every key of a purpose that may be met: first the one that is active now, then those that are announced,
   * then the older ones, the oldest last.
   */
  function ofPurpose(purpose: KeyPurpose): DataKey[] {
    const at = now()
    const all = keys.filter((key) => key.purpose === purpose).reverse()
    const active = activeAt(purpose, at)
    return [active, ...all.filter((key) => key !== active)]
  }

  /** The key that new values are made with at `at`; before the first one's date, the first. */
  function activeAt(purpose: KeyPurpose, at: Date): DataKey {
    const all = keys.filter((key) => key.purpose === purpose)
    const active = all.findLast((key) => key.activeAt <= at) ?? all[0]
    if (active === undefined) throw new Error(`There is no data key for ${purpose}.`)
    return active
  }

  /** The key that everything of a purpose is hashed with now; one that is only announced does not count. */
  function newest(purpose: KeyPurpose): Buffer {
    return activeAt(purpose, now()).key
  }

  /** The key of an id, if it is one for this purpose. */
  function find(purpose: KeyPurpose, id: string): Buffer | undefined {
    const key = byId.get(id)
    return key?.purpose === purpose ? key.key : undefined
  }

  /**
   * The step that a rotation of the blind index is at: see `address-index.ts`. Without one, one key fills
   * both columns and the first is looked at.
   */
  function indexKeys(): IndexKeys {
    const at = now()
    const newer = activeAt('blind_index', at)
    const older = keys.findLast(
      (key) => key.purpose === 'blind_index' && key.activeAt < newer.activeAt
    )
    const has = (date: Date | null) => date !== null && date <= at
    if (older === undefined || has(newer.settledAt)) {
      return { first: newer, second: newer, readsNext: false }
    }
    const first = has(newer.leadsAt) ? newer : older
    return { first, second: newer, readsNext: has(newer.readsAt) }
  }

  return { replace, ofPurpose, activeAt, newest, find, indexKeys, all: () => keys }
}
