import { createHash, type KeyObject } from 'node:crypto'
import { UnavailableError } from '../errors.ts'
import { elapsedMs, moment } from '../lib/elapsed.ts'
import { share } from '../lib/share.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import { DEFAULT_ALGORITHM, type SigningAlgorithm } from './algorithm.ts'
import { publicJwkOf, type PublicJwk } from './jwk.ts'
import { phaseOf, type KeyDates } from './ring-plan.ts'
import { makeSigningKey, openSigningKey } from './sealed-key.ts'
import type { SigningKeyRow, SigningKeyStore } from './key-store.ts'

/** RFC 8725 §3.1: the algorithm belongs to the key, never to a token's header. */
export type RingKey = KeyDates & {
  kid: string
  alg: SigningAlgorithm
  publicJwk: PublicJwk
  publicKey: KeyObject
  privateKey: KeyObject
}

/** A key of which the private half may have been erased: it was gone by then, and only hints are held against it. */
export type KeptKey = Omit<RingKey, 'privateKey'> & { privateKey: KeyObject | null }

/** Beyond this age the rings may hold a key that has been dropped since. */
const FRESH_MS = 1_000
/** A reading that was asked for and took longer may have been answered before a freeze. */
const READ_WITHIN_MS = 3_000

/** The published key set, made once per change: answering it costs no work. */
export type PublishedKeys = { body: string; etag: string }

export type KeyRing = Awaited<ReturnType<typeof openKeyRing>>

export type KeyRingDeps = {
  store: Pick<SigningKeyStore, 'findAll' | 'ensureActive'>
  sealer: Sealer
  clock: Clock
  /** A ring of each. A key of any other is not there: it signs nothing, verifies nothing and is not published. */
  algorithms: readonly SigningAlgorithm[]
  /** Told once of each key that does not open. */
  onFault: (error: unknown) => void
}

/**
 * The keys that sign and verify, held in memory. Makes the first one of each algorithm on an empty database,
 * once among any number of servers.
 */
export async function openKeyRing(deps: KeyRingDeps) {
  const { store, sealer, clock, algorithms, onFault } = deps
  let keys: KeptKey[] = []
  let published: PublishedKeys = publish([])
  let readAt = moment()
  const unreadable = new Map<string, Error>()
  const opened = new Map<string, { sealed: Uint8Array; material: KeyMaterial }>()

  /** Takes over what Postgres says, its time too. Called twice a second: a dropped key stops to verify within one. */
  const reload = share(async () => {
    const startedAt = moment()
    const [rows] = await Promise.all([store.findAll(), clock.sync()])
    keys = rows.filter(isOurs).flatMap((row) => {
      const material = materialOf(row)
      return material === null ? [] : ringKey(row, material)
    })
    const now = clock.now()
    published = publish(keys.filter((key) => isUsable(key, now)))
    readAt = startedAt
  })

  /** Whether a key that was dropped more than a second ago is dropped here too. */
  const isFresh = () => elapsedMs(readAt) <= FRESH_MS

  /**
   * Before anything is verified: a server that was frozen or cut off may hold keys that were dropped meanwhile.
   * @throws {UnavailableError} when Postgres does not say: 503, not 401
   */
  async function catchUp(): Promise<void> {
    // What was asked before a freeze may be answered after it: then once more.
    for (let tries = 0; tries < 2 && !isFresh(); tries += 1) {
      await reload().catch((error: unknown) => {
        throw new UnavailableError('the signing keys cannot be read', error)
      })
    }
    if (elapsedMs(readAt) > READ_WITHIN_MS) {
      throw new UnavailableError('the signing keys took too long to read')
    }
  }

  /** Opened once, and again where the row holds something else: a private half that was erased leaves the memory too. */
  function materialOf(row: SigningKeyRow): KeyMaterial | null {
    const known = opened.get(row.kid)
    if (known !== undefined && Buffer.compare(known.sealed, row.sealedPrivate) === 0) {
      return known.material
    }
    const material = openIfPossible(row) ?? known?.material ?? null
    if (material !== null) opened.set(row.kid, { sealed: row.sealedPrivate, material })
    return material
  }

  /** One row that does not open must not keep the dates of the others from being believed. */
  function openIfPossible(row: SigningKeyRow): KeyMaterial | null {
    try {
      const material = openRow(row, sealer)
      unreadable.delete(row.kid)
      return material
    } catch (cause) {
      if (!unreadable.has(row.kid)) {
        const says = `Signing key ${row.kid} does not open: here it neither signs nor verifies.`
        const error = new Error(says, { cause })
        unreadable.set(row.kid, error)
        onFault(error)
      }
      return null
    }
  }

  function isOurs(row: SigningKeyRow): row is SigningKeyRow & { alg: SigningAlgorithm } {
    return algorithms.some((alg) => alg === row.alg)
  }

  /**
   * The key that signs now: of those whose time has come, the newest. Where the ring that was asked for is not
   * configured (any more), that of RS256.
   */
  function signingKey(alg: SigningAlgorithm = DEFAULT_ALGORITHM): RingKey {
    const key = activeKey(alg) ?? activeKey(DEFAULT_ALGORITHM)
    if (key === undefined) throw new Error('No signing key is active: run npm run keys -- list.')
    return key
  }

  function activeKey(alg: SigningAlgorithm): RingKey | undefined {
    const now = clock.now()
    const isActive = (key: KeptKey): key is RingKey =>
      key.alg === alg && isUsable(key, now) && phaseOf(key, now) === 'active'
    return keys.findLast(isActive)
  }

  /** The key of a `kid` unless it is gone. Only our own rings are ever asked. */
  function verificationKey(kid: string): RingKey | undefined {
    const key = keys.find((candidate) => candidate.kid === kid)
    return key !== undefined && isUsable(key, clock.now()) ? key : undefined
  }

  for (const alg of algorithms) {
    await store.ensureActive(alg, () => makeSigningKey(alg, sealer))
  }
  await reload()
  const [fault] = unreadable.values()
  const now = clock.now()
  if (fault !== undefined && !keys.some((key) => phaseOf(key, now) === 'active')) throw fault
  return {
    algorithms,
    signingKey,
    verificationKey,
    reload,
    isFresh,
    catchUp,
    jwks: () => published,
    /** Every key of the rings that was ever made, with its dates: oldest first, the reserves last. */
    all: () => keys
  }
}

/** What was erased stays gone, whatever somebody writes into its dates. */
function isUsable(key: KeptKey, now: Date): key is RingKey {
  return key.privateKey !== null && phaseOf(key, now) !== 'gone'
}

type KeyMaterial = Pick<KeptKey, 'publicJwk' | 'publicKey' | 'privateKey'>

function openRow(row: SigningKeyRow, sealer: Sealer): KeyMaterial {
  const { publicKey, privateKey } = openSigningKey(row, sealer)
  return { publicJwk: publicJwkOf(publicKey), publicKey, privateKey }
}

function ringKey(
  row: SigningKeyRow & { alg: SigningAlgorithm },
  { publicJwk, publicKey, privateKey }: KeyMaterial
): KeptKey {
  const { kid, alg, announcedAt, activeAt, retiringAt, goneAt } = row
  const dates = { announcedAt, activeAt, retiringAt, goneAt }
  return { kid, alg, publicJwk, publicKey, privateKey, ...dates }
}

function publish(keys: RingKey[]): PublishedKeys {
  const jwks = keys.map(({ kid, alg, publicJwk }) => ({ ...publicJwk, kid, alg, use: 'sig' }))
  const body = JSON.stringify({ keys: jwks })
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}
