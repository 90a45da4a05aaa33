import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
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

/** The published key set, made once per change: answering it costs no work. */
export type PublishedKeys = { body: string; etag: string }

export type KeyRing = Awaited<ReturnType<typeof openKeyRing>>

export type KeyRingDeps = {
  store: Pick<SigningKeyStore, 'findAll' | 'ensureActive'>
  sealer: Sealer
  clock: Clock
  /** A ring of each. A key of any other is not there: it signs nothing, verifies nothing and is not published. */
  algorithms: readonly SigningAlgorithm[]
}

/**
 * The keys that sign and verify, held in memory. Makes the first one of each algorithm on an empty database,
 * once among any number of servers.
 */
export async function openKeyRing({ store, sealer, clock, algorithms }: KeyRingDeps) {
  let keys: RingKey[] = []
  let published: PublishedKeys = publish([])

  /** Takes over what Postgres says. Called twice a second: a dropped key stops to verify within one. */
  async function reload(): Promise<void> {
    const known = new Map(keys.map((key) => [key.kid, key]))
    const rows = (await store.findAll()).filter(isOurs)
    keys = rows.map((row) => ringKey(row, known.get(row.kid) ?? openRow(row, sealer)))
    const now = clock.now()
    published = publish(keys.filter((key) => phaseOf(key, now) !== 'gone'))
  }

  function isOurs(row: SigningKeyRow): row is SigningKeyRow & { alg: SigningAlgorithm } {
    return algorithms.some((alg) => alg === row.alg)
  }

  /**
   * The key that signs now: of those whose time has come, the newest. Where the ring that was asked for is not
   * configured (any more), that of RS256.
   */
  function signingKey(alg: SigningAlgorithm = DEFAULT_ALGORITHM): RingKey {
    const now = clock.now()
    const active = keys.filter((candidate) => phaseOf(candidate, now) === 'active')
    const key =
      active.findLast((candidate) => candidate.alg === alg) ??
      active.findLast((candidate) => candidate.alg === DEFAULT_ALGORITHM)
    if (key === undefined) throw new Error('No signing key is active: run npm run keys -- list.')
    return key
  }

  /** The key of a `kid` unless it is gone. Only our own rings are ever asked. */
  function verificationKey(kid: string): RingKey | undefined {
    const key = keys.find((candidate) => candidate.kid === kid)
    return key === undefined || phaseOf(key, clock.now()) === 'gone' ? undefined : key
  }

  for (const alg of algorithms) {
    await store.ensureActive(alg, () => makeSigningKey(alg, sealer))
  }
  await reload()
  return {
    algorithms,
    signingKey,
    verificationKey,
    reload,
    jwks: () => published,
    /** Every key of the rings that was ever made, with its dates: oldest first, the reserves last. */
    all: () => keys
  }
}

type KeyMaterial = Pick<RingKey, 'publicJwk' | 'publicKey' | 'privateKey'>

function openRow(row: SigningKeyRow, sealer: Sealer): KeyMaterial {
  const privateKey = openSigningKey(row, sealer)
  return {
    publicJwk: publicJwkOf(privateKey),
    publicKey: createPublicKey(privateKey),
    privateKey
  }
}

function ringKey(
  row: SigningKeyRow & { alg: SigningAlgorithm },
  { publicJwk, publicKey, privateKey }: KeyMaterial
): RingKey {
  const { kid, alg, announcedAt, activeAt, retiringAt, goneAt } = row
  const dates = { announcedAt, activeAt, retiringAt, goneAt }
  return { kid, alg, publicJwk, publicKey, privateKey, ...dates }
}

function publish(keys: RingKey[]): PublishedKeys {
  const jwks = keys.map(({ kid, alg, publicJwk }) => ({ ...publicJwk, kid, alg, use: 'sig' }))
  const body = JSON.stringify({ keys: jwks })
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}
