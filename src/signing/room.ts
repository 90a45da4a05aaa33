import { startLoop } from '../platform/loop.ts'
import type { Platform } from '../platform/open-platform.ts'
import { createJwtSigner } from './jwt-signer.ts'
import { addSigningKeyMetrics } from './key-metrics.ts'
import { openKeyRing } from './key-ring.ts'
import type { Postgres } from '../platform/postgres.ts'
import { createSigningKeyStore } from './store.ts'

const RELOAD_MS = 500

/** The key ring, kept in step with Postgres; the clock is read on the same beat. */
export async function openSigning(platform: Platform, onFault: (error: unknown) => void) {
  const { postgres, sealer, clock, metrics } = platform
  const keyRing = await openKeyRing({ store: createSigningKeyStore(postgres), sealer, clock })
  addSigningKeyMetrics(metrics, keyRing, clock)
  const loop = startLoop({
    intervalMs: RELOAD_MS,
    onFault,
    work: async () => {
      await Promise.all([clock.sync(), keyRing.reload()])
    }
  })
  return { keyRing, signJwt: createJwtSigner(keyRing), stop: loop.stop }
}

/** The keys as they lie in Postgres: for looking only, none is made. */
export const findSigningKeys = (postgres: Postgres) => createSigningKeyStore(postgres).findAll()
export type Signing = Awaited<ReturnType<typeof openSigning>>
