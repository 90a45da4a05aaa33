/** Well within what a destroyed data key still opens. Most codes come back within a second. */
const KEPT_MS = 20_000
/** Each takes about half a KiB. */
const MOST = 10_000

export type FreshCodes<Code> = ReturnType<typeof createFreshCodes<Code>>

/**
 * What never changes of the codes that this server has just made, by their hashes: the server that redeems is
 * mostly the one that made it, and need not ask for what it said. Whether a code may still be spent is for the
 * statement that spends it.
 */
export function createFreshCodes<Code>(nowMs: () => number = () => performance.now()) {
  const fresh = new Map<string, { code: Code; keptAtMs: number }>()

  function keep(hash: Buffer, code: Code): void {
    const atMs = nowMs()
    for (const [oldest, { keptAtMs }] of fresh) {
      if (fresh.size < MOST && atMs - keptAtMs < KEPT_MS) break
      fresh.delete(oldest)
    }
    fresh.set(nameOf(hash), { code, keptAtMs: atMs })
  }

  /** Gives it once: whoever asks again asks Postgres. */
  function take(hash: Buffer): Code | null {
    const name = nameOf(hash)
    const kept = fresh.get(name)
    fresh.delete(name)
    return kept !== undefined && nowMs() - kept.keptAtMs < KEPT_MS ? kept.code : null
  }

  return { keep, take }
}

const nameOf = (hash: Buffer) => hash.toString('latin1')
