// npm run test:slow: signing keys that rotate by themselves under load, before three verifiers of other people.
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createAudit } from '../../src/audit/record.ts'
import { readConfig } from '../../src/config.ts'
import { createClientAdminStore } from '../../src/oauth/client-admin-store.ts'
import { createClients } from '../../src/oauth/clients.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { openDatabase } from '../support/raw-database.ts'
import { givenServerEnv } from '../support/server-env.ts'
import { startServer } from '../support/server.ts'
import { ensurePyJwt, startVerifier, VERIFIERS, type Verifier } from '../support/verifier.ts'

/** 200 requests a second of real time, while the dates of the rotation come ten times as fast. */
const REQUESTS_PER_SECOND = 200
const SPEED = 10
const TICK_MS = 20
/** A machine that is busy with other things gets fewer, not a queue without end. */
const MAX_IN_FLIGHT = 100
/** The first key is given an age at which the next one is due so long after the load has begun. */
const DUE_AFTER_SECONDS = 17 * 60
/** Each token is shown when it is new, every fifth again late in its life. */
const LATE = 0.8
const LATE_EVERY = 5
const TTL_SECONDS = 600

type Row = { kid: string; active_at: Date; retiring_at: Date | null; gone_at: Date | null }
type Tally = { verified: number; late: number; failed: string[] }

void t.test(
  'a rotation under 200 requests a second, three verifiers: every token verifies',
  { timeout: 580_000 },
  async (t) => {
    await ensurePyJwt()
    const database = await createTestDatabase(t)
    const { env } = await givenServerEnv(t, database)
    const { sql } = await openDatabase(t, database.url)
    const config = {
      ...env,
      SIGNING_KEY_ROTATION_DAYS: '1',
      ACCESS_TOKEN_TTL_SECONDS: String(TTL_SECONDS)
    }
    const client = await givenService(config, database.url)

    const startMs = Date.now()
    const start = new Date(startMs).toISOString()
    const nowMs = () => startMs + (Date.now() - startMs) * SPEED
    await sql(`CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
      $$ SELECT timestamptz '${start}' + (now() - timestamptz '${start}') * ${SPEED} $$`)
    const servers = await Promise.all([startServer(t, config), startServer(t, config)])
    const ring = () => sql<Row>('SELECT * FROM signing_key ORDER BY active_at')
    await eventually('a reserve', async () => (await ring()).length === 2, 60_000)
    const [first, second] = (await ring()).map(({ kid }) => kid)
    const dueAt = new Date(nowMs() + DUE_AFTER_SECONDS * 1_000)
    await sql(
      `UPDATE signing_key SET active_at = $1::timestamptz - interval '1 day' WHERE kid = $2`,
      [dueAt, first]
    )
    const verifiers = await Promise.all(
      VERIFIERS.map((name, at) =>
        startVerifier(t, name, servers[at % servers.length]!.url, { startMs, speed: SPEED })
      )
    )
    const tallies = new Map<string, Tally>(
      verifiers.map(({ name }) => [name, { verified: 0, late: 0, failed: [] }])
    )
    const signedBy = new Map<string, number>()
    let requests = 0
    const refused: string[] = []
    const later: Promise<void>[] = []
    let inFlight = 0
    let busy = 0

    /** One that has expired before the verdict came is refused with right, and says nothing. */
    async function show(
      { name, verify }: Verifier,
      token: string,
      { isLate, expiresAtMs }: { isLate: boolean; expiresAtMs: number }
    ): Promise<void> {
      const verdict = await verify(token)
      if (nowMs() >= expiresAtMs) return
      const tally = tallies.get(name)!
      tally.verified += 1
      tally.late += isLate ? 1 : 0
      if (verdict !== 'ok') tally.failed.push(`${isLate ? 'late' : 'new'}: ${verdict}`)
    }

    async function showAll(token: string, isLate: boolean): Promise<void> {
      const { exp = 0 } = decodeJwt(token)
      const look = { isLate, expiresAtMs: exp * 1_000 }
      await Promise.all(verifiers.map((verifier) => show(verifier, token, look)))
    }

    async function request(at: number): Promise<void> {
      const answer = await fetch(`${servers[at % servers.length]!.url}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${client}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' })
      })
      if (answer.status === 503) {
        // The machine has other things to do: no token, nothing to verify.
        busy += 1
        return
      }
      if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`)
      const { access_token: token } = (await answer.json()) as { access_token: string }
      const { kid = '' } = decodeProtectedHeader(token)
      signedBy.set(kid, (signedBy.get(kid) ?? 0) + 1)
      await showAll(token, false)
      if (at % LATE_EVERY === 0) later.push(showLate(token))
    }

    async function showLate(token: string): Promise<void> {
      await delay((TTL_SECONDS * LATE * 1_000) / SPEED)
      await showAll(token, true)
    }

    const isOver = async () => {
      const rows = await ring()
      return rows.some(({ gone_at: at }) => at !== null && nowMs() > at.getTime() + 60_000)
    }
    const startedAtMs = Date.now()
    let isDone = false
    for (let tick = 0; !isDone; tick += 1) {
      const wanted = Math.floor(((Date.now() - startedAtMs) / 1_000) * REQUESTS_PER_SECOND)
      while (requests < wanted && inFlight < MAX_IN_FLIGHT) {
        inFlight += 1
        request((requests += 1))
          .catch((error: unknown) => refused.push(String(error)))
          .finally(() => (inFlight -= 1))
      }
      await delay(TICK_MS)
      if (tick % 100 === 0) isDone = await isOver()
    }
    const tookSeconds = (Date.now() - startedAtMs) / 1_000
    await eventually('the last answers', () => Promise.resolve(inFlight === 0), 60_000)
    await Promise.all(later)

    const rows = await ring()
    const events = await sql(`SELECT 1 FROM audit_event WHERE type = 'signing_key.rotated'`)
    console.error(
      `${requests} requests in ${Math.round(tookSeconds)} s (${Math.round(requests / tookSeconds)}/s), answered busy ${busy}, refused ${refused.length}; ` +
        `signed by the key before ${signedBy.get(first!)}, by the next ${signedBy.get(second!)}`
    )
    for (const { name, fetches } of verifiers) {
      const { verified, late, failed } = tallies.get(name)!
      console.error(
        `${name}: verified ${verified} (${late} late in life), failed ${failed.length}, fetched the keys ${fetches()} times`
      )
    }
    t.same(refused.slice(0, 5), [])
    for (const [name, { verified, late, failed }] of tallies) {
      t.same(failed.slice(0, 5), [], name)
      t.ok(verified > 2_000 && late > 200, 'and it was shown enough')
    }
    t.ok((signedBy.get(first!) ?? 0) > 1_000)
    t.ok((signedBy.get(second!) ?? 0) > 1_000)
    t.equal(signedBy.size, 2)
    t.equal(events.length, 1, 'one rotation, by one of the two servers')
    t.equal(rows.length, 3)
  }
)

/** A service with a secret. @returns what it shows as Basic */
async function givenService(env: Record<string, string>, databaseUrl: string): Promise<string> {
  const platform = await openPlatform({ ...readConfig(env), databaseUrl }, () => undefined)
  const { postgres, clock, sealer } = platform
  const clients = createClients({
    store: createClientAdminStore({ postgres, clock, record: createAudit({ sealer, clock }) }),
    requireSector: () => Promise.resolve(),
    requireRings: () => undefined,
    revocationFeed: { announce: () => undefined }
  })
  const { client, secret } = await clients.create(
    { client_name: 'Robot', grant_types: ['client_credentials'], scope: 'robot' },
    { origin: { requestId: 'test', address: 'operator' }, by: { operator: true } }
  )
  await platform.close()
  return Buffer.from(`${client.id}:${secret}`).toString('base64')
}
