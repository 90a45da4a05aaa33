import type { Config } from '../config.ts'
import type { Platform } from '../platform/open-platform.ts'
import type { Signing } from '../signing/room.ts'
import { createAccessTokens } from './access-token.ts'
import { startRevocationFeed } from './revocation-feed.ts'
import { createRevocationStore } from './revocation-store.ts'
import { createTokenCheck } from './token-check.ts'

/** Access tokens: made, checked, and refused once they are revoked. */
export async function openTokens(
  platform: Platform,
  { keyRing, signJwt }: Signing,
  config: Config,
  onFault: (error: unknown) => void
) {
  const { postgres, ephemeral, clock, metrics } = platform
  const store = createRevocationStore(postgres)
  const revocationFeed = await startRevocationFeed({ store, ephemeral, clock, onFault })
  metrics.gauge(
    'revocation_feed_age_seconds',
    'Since revocations were read from Postgres; older than 1 s, every token check asks Postgres',
    revocationFeed.ageSeconds
  )
  const accessTokens = createAccessTokens({
    keyRing,
    signJwt,
    clock,
    issuer: config.issuer,
    audience: config.accessTokenAudience,
    ttlSeconds: config.accessTokenTtlSeconds
  })
  const checks = createTokenCheck(accessTokens, revocationFeed, metrics)
  return { accessTokens, ...checks, revocationFeed, stop: revocationFeed.stop }
}

export type Tokens = Awaited<ReturnType<typeof openTokens>>
