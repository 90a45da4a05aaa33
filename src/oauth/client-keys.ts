import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../platform/clock.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { Client } from './client.ts'

/** How long a client's published keys are believed without looking again. */
const FRESH_MS = 10 * 60_000
/** An unknown `kid` makes us look again at once, for the client may have rotated; but not for everybody who invents one. */
const LOOK_AGAIN_MS = 60_000
const CACHE_LIMIT = 1_000

type Kept = {
  keys: JWTVerifyGetKey
  kids: Set<string>
  atMs: number
  /** When an unknown `kid` last made us look. */
  lookedAgainAtMs: number
}

export type ClientKeysOf = ReturnType<typeof createClientKeys>

export type ClientKeysDeps = { outbound: Outbound; clock: Clock }

/** The keys by which a client signs: registered with it, or published by it (RFC 7591 §2). */
export function createClientKeys({ outbound, clock }: ClientKeysDeps) {
  const cache = new Map<string, Kept>()
  const underWay = new Map<string, Promise<Kept | null>>()

  /**
   * @param kid of the signature that is to be checked
   * @returns null when the client has no keys, or they cannot be had
   */
  return async function keysOf(
    { jwks, jwksUri }: Pick<Client, 'jwks' | 'jwksUri'>,
    kid: string | undefined
  ): Promise<JWTVerifyGetKey | null> {
    if (jwks !== null) return createLocalJWKSet(jwks)
    if (jwksUri === null) return null
    const kept = cache.get(jwksUri)
    const nowMs = clock.now().getTime()
    const isFresh = kept !== undefined && nowMs - kept.atMs < FRESH_MS
    if (isFresh && (kid === undefined || kept.kids.has(kid))) return kept.keys
    const others = underWay.get(jwksUri)
    if (isFresh && others === undefined && nowMs - kept.lookedAgainAtMs < LOOK_AGAIN_MS) {
      return kept.keys
    }
    const fetched = await (others ?? look(jwksUri, isFresh ? nowMs : 0))
    if (fetched === null) {
      if (isFresh) kept.lookedAgainAtMs = nowMs
      return kept?.keys ?? null
    }
    cache.delete(jwksUri)
    if (cache.size >= CACHE_LIMIT) cache.delete([...cache.keys()][0] ?? '')
    cache.set(jwksUri, fetched)
    return fetched.keys
  }

  /** Of many who ask at once, one fetches. */
  async function look(url: string, lookedAgainAtMs: number): Promise<Kept | null> {
    const mine = fetchKeys(url, lookedAgainAtMs).finally(() => underWay.delete(url))
    underWay.set(url, mine)
    return mine
  }

  async function fetchKeys(url: string, lookedAgainAtMs: number): Promise<Kept | null> {
    try {
      const { status, body } = await outbound({ url, headers: { accept: 'application/json' } })
      if (status !== 200) return null
      const jwks = JSON.parse(body.toString()) as JSONWebKeySet
      const kids = new Set(jwks.keys.flatMap(({ kid }) => (kid === undefined ? [] : [kid])))
      return { keys: createLocalJWKSet(jwks), kids, atMs: clock.now().getTime(), lookedAgainAtMs }
    } catch {
      // Not to be had, or no key set: it proves nothing.
      return null
    }
  }
}
