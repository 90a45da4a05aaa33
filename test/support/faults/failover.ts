import { setTimeout as delay } from 'node:timers/promises'
import type { Teardown } from '../database.ts'
import { openDatabase } from '../raw-database.ts'
import { startRedis } from '../redis.ts'
import { startSmtpSink } from '../smtp-sink.ts'
import { figuresOf, inSeconds, servedAgainAfter } from './figures.ts'
import { createLedger, refreshing, verifying, type HeldSession } from './ledger.ts'
import { startLoad, type Crowd } from './load.ts'
import { replayLedger } from './replay.ts'
import { startStreaming } from './streaming.ts'
import { basesOf, linksIn, productionEnv, startServers } from './world.ts'

export type FailoverOptions = {
  synchronous: boolean
  crowd: Partial<Crowd>
  /** Logged out in the last moments, while the standby hears nothing. */
  leavers?: number
  beforeMs: number
  /** How long the standby hears nothing before the primary is gone. */
  lagMs: number
  afterMs: number
}

/**
 * Two servers under load whose primary is switched off after its standby has heard nothing for a while; the
 * standby is promoted, and the servers find it by themselves. Then the clients show all that they were told.
 */
export async function runFailover(t: Teardown, options: FailoverOptions) {
  const { synchronous, crowd, leavers = 0, beforeMs, lagMs, afterMs } = options
  const [streaming, redis, sink] = await Promise.all([
    startStreaming(t, { synchronous }),
    startRedis(t),
    startSmtpSink(t)
  ])
  const { primary, standby, wire, sql } = streaming
  const urls = { database: streaming.url, redis: redis.url, smtp: sink.url }
  const servers = await startServers(t, productionEnv(urls), 2)
  const ledger = createLedger(basesOf(servers))
  const load = await startLoad({ ledger, findLink: linksIn(sink), sql, crowd })
  const leaving = await Promise.all(
    Array.from({ length: leavers }, async () => load.acts.login(await load.acts.newPerson()))
  )
  await delay(beforeMs)

  ledger.state.phase = 'fault'
  wire.stall()
  const left = await Promise.all(leaving.map((session) => leave(session)))
  await delay(lagMs)
  await primary.kill()
  const fencedAtMs = performance.now()
  await wire.cut()
  await standby.promote()
  const promotedAtMs = performance.now()
  ledger.state.phase = 'after'
  const { sql: look } = await openDatabase(t, standby.url)
  await delay(afterMs)
  await load.stop()

  /** Ends a session behind the ledger's back: what becomes of that is what is asked. */
  async function leave(session: HeldSession): Promise<HeldSession | null> {
    ledger.end(session)
    const json = { refresh_token: session.refreshToken }
    const answer = await ledger.ask({ path: '/auth/logout', token: session.accessToken, json })
    return answer?.status === 200 ? session : null
  }

  async function events(type: string): Promise<number> {
    const rows = await look('SELECT count(*)::int AS n FROM audit_event WHERE type = $1', [type])
    return (rows[0] as { n: number }).n
  }

  const statusesOf = async (sessions: HeldSession[], call: typeof verifying) =>
    Promise.all(
      sessions.map(async (session) => (await ledger.insist(call(session.accessToken))).status)
    )
  const loggedOut = left.filter((session) => session !== null)
  const verified = await statusesOf(loggedOut, verifying)
  const refreshed = await Promise.all(
    loggedOut.map(
      async ({ refreshToken }) => (await ledger.insist(refreshing(refreshToken))).status
    )
  )
  const seen = {
    aheadOfStore: await events('session.ahead_of_store'),
    takenForTheft: await events('session.reuse_detected')
  }
  await replayLedger(ledger, load)

  const title = `Postgres: ${synchronous ? 'a synchronous' : 'an asynchronous'} standby promoted`
  const unserved = ledger.samples.filter(
    ({ phase, status }) => phase !== 'before' && (status === 0 || status >= 500)
  )
  return {
    // Its recovery is from the end of the promotion to the last request that was not served.
    ...figuresOf(title, ledger, servedAgainAfter(ledger, promotedAtMs)),
    slowestRefusalMs: Math.max(0, ...unserved.map(({ tookMs }) => tookMs)),
    /** From the end of the old primary to the end of the promotion. */
    promotionSeconds: inSeconds(promotedAtMs - fencedAtMs),
    ...seen,
    /** Acknowledged in the moments that the standby has not heard of. */
    logouts: {
      acknowledged: loggedOut.length,
      accessTokenAccepted: verified.filter((status) => status === 200).length,
      refreshTokenAccepted: refreshed.filter((status) => status === 200).length
    }
  }
}
