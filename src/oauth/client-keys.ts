import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { UnavailableError } from '../errors.ts'
import { createGate } from '../lib/gate.ts'
import type { Clock } from '../platform/clock.ts'
import type { Outbound } from '../platform/outbound.ts'
import { isDocumentId, type Client } from './client.ts'

/** How long a client's published keys are believed without looking again. */
const FRESH_MS = 10 * 60_000
/** An unknown `kid` makes us look again at once, for the client may have rotated; but not for everybody who invents one. */
const LOOK_AGAIN_MS = 60_000
/** How long they are believed while they cannot be had anew. */
const STALE_MS = 60 * 60_000
/** An endpoint that failed is left alone for so long. */
const FAILED_MS = 30_000
const CACHE_LIMIT = 1_000

type Kept = {
  keys: JWTVerifyGetKey
  kids: Set<string>
  atMs: number
  /** When an unknown `kid` last made us look. */
  lookedAgainAtMs: number
}

/** `isStrangers`: anybody may have named the URL, so a crowd of such must not use up the server's sockets. */
type Look = { lookedAgainAtMs: number; isStrangers: boolean }

export type ClientKeysOf = ReturnType<typeof createClientKeys>

export type ClientKeysDeps = { outbound: Outbound; clock: Clock }

/** The keys by which a client signs: registered with it, or published by it (RFC 7591 §2). */
export function createClientKeys({ outbound, clock }: ClientKeysDeps) {
  const cache = new Map<string, Kept>()
  const failedAtMs = new Map<string, number>()
  const underWay = new Map<string, Promise<Kept | null>>()
  const inTurn = createGate({ concurrency: 8, queueLength: 64 })

  /**
   * @param kid of the signature that is to be checked
   * @returns null when the client has no keys
   * @throws {UnavailableError} when they cannot be had: that proves nothing against the client
   */
  return async function keysOf(
    { id, jwks, jwksUri }: Pick<Client, 'id' | 'jwks' | 'jwksUri'>,
    kid: string | undefined
  ): Promise<JWTVerifyGetKey | null> {
    if (jwks !== null) return createLocalJWKSet(jwks)
    if (jwksUri === null) return null
    const kept = cache.get(jwksUri)
    const nowMs = clock.now().getTime()
    const ageMs = kept === undefined ? Infinity : nowMs - kept.atMs
    const isFresh = ageMs < FRESH_MS
    const known = kept !== undefined && (kid === undefined || kept.kids.has(kid)) ? kept : null
    if (isFresh && known !== null) return known.keys
    const others = underWay.get(jwksUri)
    const hasLooked = kept !== undefined && nowMs - kept.lookedAgainAtMs < LOOK_AGAIN_MS
    if (isFresh && hasLooked && others === undefined) return kept.keys
    const hasFailed = nowMs - (failedAtMs.get(jwksUri) ?? -Infinity) < FAILED_MS
    const isStrangers = isDocumentId(id)
    const look = () => fetchOnce(jwksUri, { lookedAgainAtMs: isFresh ? nowMs : 0, isStrangers })
    const fetched = await (others ?? (hasFailed ? null : look()))
    if (fetched !== null) return fetched.keys
    if (known !== null && ageMs < STALE_MS) return known.keys
    throw new UnavailableError("a client's keys cannot be had")
  }

  /** Of many who ask at once, one fetches. */
  async function fetchOnce(url: string, how: Look): Promise<Kept | null> {
    const mine = fetchKeys(url, how).finally(() => underWay.delete(url))
    underWay.set(url, mine)
    const fetched = await mine
    failedAtMs.delete(url)
    if (fetched === null) keep(failedAtMs, url, clock.now().getTime())
    else keep(cache, url, fetched)
    return fetched
  }

  async function fetchKeys(
    url: string,
    { lookedAgainAtMs, isStrangers }: Look
  ): Promise<Kept | null> {
    const ask = () => outbound({ url, headers: { accept: 'application/json' } })
    try {
      const { status, body } = await (isStrangers ? inTurn(ask) : ask())
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

function keep<T>(cache: Map<string, T>, url: string, value: T): void {
  cache.delete(url)
  if (cache.size >= CACHE_LIMIT) cache.delete([...cache.keys()][0] ?? '')
  cache.set(url, value)
}
