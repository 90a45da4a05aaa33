import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import { generateRsaKey, keyIdOf, publicJwkOf, type RsaPublicJwk } from './jwk.ts'
import type { NewSigningKey, SigningKeyRow, SigningKeyStore } from './store.ts'

/** RFC 8725 §3.1: the algorithm belongs to the key, never to a token's header. */
export type RingKey = {
  kid: string
  alg: 'RS256'
  publicJwk: RsaPublicJwk
  publicKey: KeyObject
  privateKey: KeyObject
  announcedAt: Date
  activeAt: Date
  retiringAt: Date | null
  goneAt: Date | null
}

export type KeyPhase = 'announced' | 'active' | 'retiring' | 'gone'

/** The published key set, made once per change: answering it costs no work. */
export type PublishedKeys = { body: string; etag: string }

export type KeyRing = Awaited<ReturnType<typeof openKeyRing>>

export type KeyRingDeps = { store: SigningKeyStore; sealer: Sealer; clock: Clock }

/** What a key is for at `now`: announced and not signing yet, signing, only published, or no more. */
export function phaseOf(
  key: Pick<RingKey, 'activeAt' | 'retiringAt' | 'goneAt'>,
  now: Date
): KeyPhase {
  if (key.goneAt !== null && key.goneAt <= now) return 'gone'
  if (key.retiringAt !== null && key.retiringAt <= now) return 'retiring'
  return key.activeAt <= now ? 'active' : 'announced'
}

/**
 * The keys that sign and verify, held in memory. Makes the first one on an empty database, once among
 * any number of servers.
 */
export async function openKeyRing({ store, sealer, clock }: KeyRingDeps) {
  let keys: RingKey[] = []
  let published: PublishedKeys = publish([])

  /** Takes over what Postgres says. Called twice a second: a dropped key stops to verify within one. */
  async function reload(): Promise<void> {
    const rows = await store.findAll()
    keys = rows.map((row) =>
      ringKey(
        row,
        sealer,
        keys.find((key) => key.kid === row.kid)
      )
    )
    const now = clock.now()
    published = publish(keys.filter((key) => phaseOf(key, now) !== 'gone'))
  }

  /** The key that signs now: of those whose time has come, the newest. */
  function signingKey(): RingKey {
    const now = clock.now()
    const key = keys.findLast((candidate) => phaseOf(candidate, now) === 'active')
    if (key === undefined) throw new Error('No signing key is active: run npm run keys -- list.')
    return key
  }

  /** The key of a `kid` unless it is gone. Only our own ring is ever asked. */
  function verificationKey(kid: string): RingKey | undefined {
    const key = keys.find((candidate) => candidate.kid === kid)
    return key === undefined || phaseOf(key, clock.now()) === 'gone' ? undefined : key
  }

  await store.ensureActive(async () => sealSigningKey(await generateRsaKey(), sealer))
  await reload()
  return { signingKey, verificationKey, reload, jwks: () => published, all: () => keys }
}

/** A private key in the form that the store keeps. */
export async function sealSigningKey(
  privateKey: KeyObject,
  sealer: Sealer
): Promise<NewSigningKey> {
  const publicJwk = publicJwkOf(privateKey)
  const kid = await keyIdOf(publicJwk)
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  return {
    kid,
    alg: 'RS256',
    publicJwk,
    sealedPrivate: sealer.sealBytes('signing', der, place(kid))
  }
}

const place = (kid: string) => ({ table: 'signing_key', column: 'sealed_private', row: kid })

function ringKey(row: SigningKeyRow, sealer: Sealer, known: RingKey | undefined): RingKey {
  const { kid, announcedAt, activeAt, retiringAt, goneAt } = row
  const dates = { announcedAt, activeAt, retiringAt, goneAt }
  if (known !== undefined) return { ...known, ...dates }
  if (row.alg !== 'RS256') throw new Error(`Signing key ${kid} is for ${row.alg}, not RS256.`)
  const der = sealer.openBytes('signing', row.sealedPrivate, place(kid))
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicJwk = publicJwkOf(privateKey)
  return {
    kid,
    alg: 'RS256',
    publicJwk,
    publicKey: createPublicKey(privateKey),
    privateKey,
    ...dates
  }
}

function publish(keys: RingKey[]): PublishedKeys {
  const jwks = keys.map(({ kid, alg, publicJwk }) => ({ ...publicJwk, kid, alg, use: 'sig' }))
  const body = JSON.stringify({ keys: jwks })
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}
