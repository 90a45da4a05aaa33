import type { Test } from 'tap'
import { readConfig } from '../../src/config.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import { openKeyRing } from '../../src/signing/key-ring.ts'
import { createSigningKeyStore } from '../../src/signing/store.ts'
import type { TestApp } from './app.ts'

export type KeyRoom = Awaited<ReturnType<typeof openKeyRoom>>

/** What an operator with the key-encryption key holds beside a running app: its platform, ring and key store. */
export async function openKeyRoom(t: Test, { env, databaseUrl }: TestApp) {
  const platform = await openPlatform({ ...readConfig(env), databaseUrl }, () => undefined)
  t.teardown(platform.close)
  const store = createSigningKeyStore(platform.postgres)
  const ring = await openKeyRing({ store, sealer: platform.sealer, clock: platform.clock })
  return { platform, sealer: platform.sealer, dataKeys: platform.dataKeys, store, ring }
}
