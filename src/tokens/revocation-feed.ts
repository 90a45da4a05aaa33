import type { Clock } from '../platform/clock.ts'
import type { EphemeralStore } from '../platform/ephemeral/store.ts'
import { startLoop } from '../platform/loop.ts'
import type { RevocationEntry, RevocationStore } from './revocation-store.ts'
import { identitiesOf, type TokenIdentity } from './token-identity.ts'

export type { RevocationEntry }

const CHANNEL = 'revoked'
/** An entry lives as long as the longest token (15 min) and the skew of two honest clocks. */
const ENTRY_LIFE_SECONDS = 960
const READ_EVERY_MS = 500
/** A transaction ends within 5 s, so one that commits late with an early time is still read. */
const OVERLAP_SECONDS = 10
/** Now and then everything is read: a commit that a standby held up, a machine that slept. */
const READS_PER_FULL_READ = 60
/** Beyond this age the feed's silence proves nothing. */
const FRESH_MS = 1_000

export type RevocationFeed = Awaited<ReturnType<typeof startRevocationFeed>>

export type RevocationFeedDeps = {
  store: RevocationStore
  ephemeral: EphemeralStore
  clock: Clock
  onFault: (error: unknown) => void
}

/**
 * All live revocations in memory. Postgres is the truth, read twice a second; Redis only makes it
 * faster, and its silence proves nothing: a flush, an eviction, or a process that dies between commit
 * and announcement loses no revocation.
 */
export async function startRevocationFeed({
  store,
  ephemeral,
  clock,
  onFault
}: RevocationFeedDeps) {
  const revokedAtMs = new Map<string, number>()
  let readAtMs = Number.NEGATIVE_INFINITY
  let reads = 0

  function add({ kind, subject, revokedAt }: RevocationEntry): void {
    const key = `${kind}:${subject}`
    const known = revokedAtMs.get(key) ?? 0
    revokedAtMs.set(key, Math.max(known, revokedAt.getTime()))
  }

  async function read(): Promise<void> {
    const startedAtMs = performance.now()
    const gapSeconds = (startedAtMs - readAtMs) / 1_000 + OVERLAP_SECONDS
    const isFull = reads % READS_PER_FULL_READ === 0
    const entries = await store.findSince(
      isFull ? ENTRY_LIFE_SECONDS : Math.min(gapSeconds, ENTRY_LIFE_SECONDS)
    )
    reads += 1
    entries.forEach(add)
    readAtMs = startedAtMs
    const tooOldMs = clock.now().getTime() - ENTRY_LIFE_SECONDS * 1_000
    for (const [key, atMs] of revokedAtMs) if (atMs < tooOldMs) revokedAtMs.delete(key)
  }

  /** Tells this server now and the others as soon as Redis can. Call it after the commit. */
  function announce(entries: RevocationEntry[]): void {
    entries.forEach(add)
    if (entries.length > 0) ephemeral.announce(CHANNEL, JSON.stringify(entries)).catch(onFault)
  }

  function isKnown({ sid, jti, client_id, sub, iat }: TokenIdentity): boolean {
    if (revokedAtMs.size === 0) return false
    const isEarlier = (key: string) => (revokedAtMs.get(key) ?? 0) >= iat * 1_000
    return (
      (sid !== undefined && revokedAtMs.has(`session:${sid}`)) ||
      revokedAtMs.has(`jti:${jti}`) ||
      isEarlier(`client:${client_id}`) ||
      isEarlier(`user:${sub}`)
    )
  }

  const isAnyKnown = (token: TokenIdentity) =>
    isKnown(token) || token.exchanged_from?.some(isKnown) === true

  const isFresh = () => performance.now() - readAtMs <= FRESH_MS

  /** Whether it is certain, from memory alone, that a verified token has not been revoked. */
  const isSurelyLive = (token: TokenIdentity) => isFresh() && !isAnyKnown(token)

  /**
   * Whether a verified token has been revoked, or one that it was made from.
   * @throws {UnavailableError} when the feed is stale and Postgres does not answer either: 503, not 401
   */
  async function isRevoked(token: TokenIdentity): Promise<boolean> {
    if (isAnyKnown(token)) return true
    if (isFresh()) return false
    const verdicts = await Promise.all(identitiesOf(token).map(store.isRevoked))
    return verdicts.includes(true)
  }

  await read()
  const stopListening = await ephemeral.listen(CHANNEL, (message) => {
    parseEntries(message).forEach(add)
  })
  const loop = startLoop({ intervalMs: READ_EVERY_MS, work: read, onFault })

  async function stop(): Promise<void> {
    await loop.stop()
    await stopListening()
  }

  /** Since the last read that succeeded began. */
  const ageSeconds = () => (performance.now() - readAtMs) / 1_000

  return { isRevoked, isSurelyLive, announce, ageSeconds, stop }
}

/** What another server announced. A message can only ever add a refusal; a malformed one adds nothing. */
function parseEntries(message: string): RevocationEntry[] {
  try {
    const entries = JSON.parse(message) as (Omit<RevocationEntry, 'revokedAt'> & {
      revokedAt: string
    })[]
    return entries.map((entry) => ({ ...entry, revokedAt: new Date(entry.revokedAt) }))
  } catch {
    return []
  }
}
