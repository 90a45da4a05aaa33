import type { Audit } from '../audit/record.ts'
import type { Config } from '../config.ts'
import { startLoop } from '../platform/loop.ts'
import type { Platform } from '../platform/open-platform.ts'
import type { Postgres } from '../platform/postgres.ts'
import { createJwtSigner } from './jwt-signer.ts'
import { createErasure } from './erasure.ts'
import { addSigningKeyMetrics } from './key-metrics.ts'
import { openKeyRing } from './key-ring.ts'
import { createRotationStore } from './rotation-store.ts'
import { createRotation } from './rotation.ts'
import { createSigningKeyStore } from './key-store.ts'
import { createSign } from './sign.ts'
import { createSigningThread } from './signing-thread.ts'

const RELOAD_MS = 500
/** The first reserve is made so long after the start, which does not wait for it. */
const ROTATE_EVERY_MS = 5_000
const ERASE_EVERY_MS = 600_000

export type SigningConfig = Pick<Config, 'signingAlgorithms' | 'signingKeyRotationDays'>

/** Told what has become of a key. */
export type LogKey = (line: { kid: string; alg?: string }, text: string) => void

/** The key rings and what changes them: what the server and the operator's command share. */
export async function openKeys(
  platform: Platform,
  config: SigningConfig,
  record: Audit,
  onFault: (error: unknown) => void = () => undefined
) {
  const { postgres, sealer, clock } = platform
  const { signingAlgorithms: algorithms, signingKeyRotationDays: rotationDays } = config
  const store = createSigningKeyStore(postgres)
  const keyRing = await openKeyRing({ store, sealer, clock, algorithms, onFault })
  const rotation = createRotation({
    store: createRotationStore({ postgres, record }),
    sealer,
    clock,
    algorithms,
    rotationDays
  })
  const erasePrivateHalves = createErasure({ store, sealer })
  return { keyRing, rotation, erasePrivateHalves, findAll: store.findAll }
}

/** The key rings, kept in step with Postgres (the clock is read on the same beat), and rotated when it is time. */
export async function openSigning(
  platform: Platform,
  config: SigningConfig,
  { record, logKey, onFault }: { record: Audit; logKey: LogKey; onFault: (error: unknown) => void }
) {
  const { clock, metrics, pool } = platform
  const keys = await openKeys(platform, config, record, onFault)
  const { keyRing, rotation, erasePrivateHalves } = keys
  addSigningKeyMetrics(metrics, { keyRing, clock, rules: rotation.rules })
  const reload = startLoop({ intervalMs: RELOAD_MS, onFault, work: keyRing.reload })
  const rotate = startLoop({
    intervalMs: ROTATE_EVERY_MS,
    onFault,
    work: async () => {
      for (const { kind, kid, alg } of await rotation.advance(keyRing.all())) {
        logKey({ kid, alg }, kind === 'rotated' ? 'signing key rotated' : 'signing key in reserve')
      }
    }
  })
  const erase = startLoop({
    intervalMs: ERASE_EVERY_MS,
    onFault,
    work: async () => {
      for (const kid of await erasePrivateHalves()) {
        logKey({ kid }, 'private half of a signing key erased: it has been gone for a week')
      }
    }
  })
  const thread = createSigningThread()
  const stop = async () => {
    await Promise.all([reload.stop(), rotate.stop(), erase.stop(), thread.close()])
  }
  return { keyRing, signJwt: createJwtSigner(keyRing, createSign(pool, thread)), stop }
}

/** The keys as they lie in Postgres: for looking only, none is made. */
export const findSigningKeys = (postgres: Postgres) => createSigningKeyStore(postgres).findAll()
export type Signing = Awaited<ReturnType<typeof openSigning>>
