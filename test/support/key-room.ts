import type { Test } from 'tap'
import { createAudit } from '../../src/audit/record.ts'
import { readConfig } from '../../src/config.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import type { SigningAlgorithm } from '../../src/signing/algorithm.ts'
import { openKeys } from '../../src/signing/room.ts'
import { createRotationStore } from '../../src/signing/rotation-store.ts'
import { makeSigningKey } from '../../src/signing/sealed-key.ts'
import { createSigningKeyStore } from '../../src/signing/key-store.ts'
import type { TestApp } from './app.ts'

/** Who does it in tests. */
export const OPERATOR = { requestId: 'test', address: 'operator' }

/**
 * What an operator with the key-encryption key holds beside a running app: its platform, rings and key store.
 * The reserves are there already, as they are seconds after a server's first start.
 */
export async function openKeyRoom(t: Test, { env, databaseUrl }: TestApp) {
  const config = readConfig(env)
  const platform = await openPlatform({ ...config, databaseUrl }, () => undefined)
  t.teardown(platform.close)
  const { postgres, sealer, dataKeys, clock } = platform
  const record = createAudit({ sealer, clock })
  const { keyRing: ring, rotation, erasePrivateHalves } = await openKeys(platform, config, record)
  const store = { ...createSigningKeyStore(postgres), ...createRotationStore({ postgres, record }) }

  /** What each server does every few seconds. */
  async function advance() {
    await clock.sync()
    await ring.reload()
    const outcomes = await rotation.advance(ring.all())
    await ring.reload()
    return outcomes
  }

  const newKey = (alg: SigningAlgorithm = 'RS256') => makeSigningKey(alg, sealer)
  await advance()
  return {
    platform,
    sealer,
    dataKeys,
    store,
    ring,
    rotation,
    erasePrivateHalves,
    advance,
    newKey
  }
}
