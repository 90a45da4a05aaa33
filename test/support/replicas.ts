import type { Test } from 'tap'
import { startApp, type TestApp } from './app.ts'
import { eventually } from './eventually.ts'
import { startRedis } from './redis.ts'

/** The promise is 1 s from commit to refusal (SECURITY T7); the rest is for a loaded machine. */
export const REFUSED_WITHIN_MS = 2_000

export type Replicas = Awaited<ReturnType<typeof givenReplicas>>

/** Two servers that share what two replicas share, and the Redis between them. */
export async function givenReplicas(t: Test) {
  const redis = await startRedis(t)
  const here = await startApp(t, { REDIS_URL: redis.url })
  // The captured mail of both lies at one place, whichever of them sends it.
  const there = { ...(await startApp(t, here.env)), dataDir: here.dataDir }
  return { redis, here, there, both: [here, there] }
}

/** What `/verify-token` says about a token: 200, 401 or 503. */
export async function verdict(app: TestApp, accessToken: string): Promise<number> {
  return (await app.get('/verify-token', accessToken)).statusCode
}

/** Waits until every server refuses the token. @returns how long that took */
export async function untilRefused(apps: TestApp[], accessToken: string): Promise<number> {
  const startedAtMs = performance.now()
  await eventually('refusal', async () => {
    const verdicts = await Promise.all(apps.map((app) => verdict(app, accessToken)))
    return verdicts.every((status) => status === 401)
  })
  return Math.round(performance.now() - startedAtMs)
}

export async function logout(app: TestApp, accessToken: string): Promise<number> {
  const headers = { authorization: `Bearer ${accessToken}` }
  return (await app.post('/auth/logout', undefined, headers)).statusCode
}
