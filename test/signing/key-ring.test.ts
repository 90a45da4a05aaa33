import { createLocalJWKSet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { isReserve, phaseOf } from '../../src/signing/ring-plan.ts'
import { EMERGENCY_NOTICE_SECONDS, rotationTimeline } from '../../src/signing/timeline.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { givenSession, givenUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { headerOf } from '../support/jws.ts'
import { openKeyRoom, OPERATOR } from '../support/key-room.ts'
import { openDatabase } from '../support/raw-database.ts'

const TTL_SECONDS = 600
/** The promise is 1 s; the rest is for a loaded machine. */
const RELOADED_WITHIN_MS = 2_000

async function given(t: Test) {
  const app = await startApp(t)
  return { app, room: await openKeyRoom(t, app), user: await givenUser(app) }
}

/** Without the one in reserve, which is always there. */
async function publishedKids({ get, sql }: TestApp): Promise<string[]> {
  const { keys } = (await get('/.well-known/jwks.json')).json<{ keys: { kid: string }[] }>()
  const reserves = await sql<{ kid: string }>(
    `SELECT kid FROM signing_key WHERE active_at > '9999-01-01' AND gone_at IS NULL`
  )
  return keys
    .map(({ kid }) => kid)
    .filter((kid) => !reserves.some((reserve) => reserve.kid === kid))
    .sort()
}

/** Waits until the app publishes exactly these. @returns how long that took */
async function untilPublished(app: TestApp, ...kids: string[]): Promise<number> {
  const startedAtMs = performance.now()
  const wanted = JSON.stringify(kids.sort())
  await eventually(`JWKS of ${wanted}`, async () => {
    return JSON.stringify(await publishedKids(app)) === wanted
  })
  return Math.round(performance.now() - startedAtMs)
}

async function isTaken(app: TestApp, token: string): Promise<boolean> {
  return (await app.get('/verify-token', token)).statusCode === 200
}

void t.test('a rotation by the timeline: announced, active, retiring, gone', async (t) => {
  const { app, room, user } = await given(t)
  const login = async () => (await givenSession(app, user)).accessToken
  const first = room.ring.signingKey().kid
  const key = await room.newKey()
  const { announceSeconds, retireSeconds } = rotationTimeline(TTL_SECONDS)
  t.ok(announceSeconds >= 300 + 600, 'at least max-age and the common cache of verifiers')
  t.ok(retireSeconds > TTL_SECONDS, 'longer than a token lives')
  t.equal(await room.store.add(key, { announceSeconds, retireSeconds }, OPERATOR), true)

  const tookMs = await untilPublished(app, first, key.kid)
  t.ok(tookMs < RELOADED_WITHIN_MS, `published after ${tookMs} ms`)
  t.equal(headerOf(await login())['kid'], first, 'announced: published, and not signing')

  await app.moveTime(announceSeconds - 5)
  const last = await login()
  t.equal(headerOf(last)['kid'], first, 'up to its date')
  await app.moveTime(announceSeconds + 1)
  const next = await login()
  t.equal(headerOf(next)['kid'], key.kid, 'active from its date')
  t.strictSame(await publishedKids(app), [first, key.kid].sort(), 'the old one is retiring')
  t.ok(await isTaken(app, last), 'and verifies what it signed')

  await app.moveTime(announceSeconds + TTL_SECONDS - 10)
  t.ok(await isTaken(app, last), 'until the last of it has expired')
  await app.moveTime(announceSeconds + retireSeconds + 1)
  t.ok((await untilPublished(app, key.kid)) < RELOADED_WITHIN_MS, 'then it is gone')
  const rows = await app.sql('SELECT kid FROM signing_key WHERE kid = $1', [first])
  t.equal(rows.length, 1, 'its row is kept')
  t.equal(headerOf(await login())['kid'], key.kid)
})

void t.test('a key that goes while its tokens live: they are refused from its date', async (t) => {
  const { app, room, user } = await given(t)
  const key = await room.newKey()
  await room.store.add(key, { announceSeconds: 20, retireSeconds: 30 }, OPERATOR)
  const { accessToken } = await givenSession(app, user)
  await eventually('reload', async () => (await publishedKids(app)).length === 2)
  await app.moveTime(45)
  t.ok(await isTaken(app, accessToken), 'retiring')
  await app.moveTime(51)
  t.notOk(await isTaken(app, accessToken), 'gone, although it had been verified before')
  t.equal((await app.get('/auth/me', accessToken)).statusCode, 401)
  const { accessToken: next } = await givenSession(app, user)
  t.ok(await isTaken(app, next))
})

void t.test('an emergency: the keys and their tokens are dropped within a second', async (t) => {
  const { app, room, user } = await given(t)
  const announced = await room.newKey()
  await room.store.add(announced, rotationTimeline(TTL_SECONDS), OPERATOR)
  const before = (await room.store.findAll()).map(({ kid }) => kid)
  t.equal(before.length, 3, 'one signs, one is scheduled, one stands in reserve')
  const { accessToken } = await givenSession(app, user)
  t.ok(await isTaken(app, accessToken))
  const startedAtMs = performance.now()
  const act = { reason: 'emergency' as const, origin: OPERATOR }
  const [replaced] = await room.rotation.replaceAll(['RS256'], EMERGENCY_NOTICE_SECONDS, act)
  await eventually('refusal', async () => !(await isTaken(app, accessToken)))
  const tookMs = Math.round(performance.now() - startedAtMs)
  t.ok(tookMs < EMERGENCY_NOTICE_SECONDS * 1_000 + RELOADED_WITHIN_MS, `refused after ${tookMs} ms`)
  t.comment(`a dropped key's token is refused after ${tookMs} ms`)
  await untilPublished(app, replaced!.active!)
  t.equal(headerOf((await givenSession(app, user)).accessToken)['kid'], replaced!.active)
  const rows = await room.store.findAll()
  for (const row of rows.filter(({ kid }) => before.includes(kid))) {
    t.equal(phaseOf(row, app.app.clock.now()), 'gone', 'the one in reserve too')
  }
  t.ok(
    rows.some((row) => row.kid === replaced!.reserve && isReserve(row)),
    'a new one is there'
  )
})

void t.test(
  'the first key, made by five at once: one is kept, and making it holds no lock',
  async (t) => {
    const { app, room } = await given(t)
    // A server would mend what follows.
    await app.close()
    const database = await openDatabase(t, app.databaseUrl)
    await database.sql('DELETE FROM signing_key')
    const locks: unknown[] = []
    const make = async () => {
      const key = await room.newKey()
      locks.push(
        ...(await database.sql(`SELECT pid FROM pg_locks WHERE locktype = 'advisory'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`))
      )
      return key
    }
    await room.store.ensureActive('RS256', make)
    t.strictSame(locks, [], 'nobody waits for a slow machine')
    await database.sql('DELETE FROM signing_key')
    // All have made theirs before the first is kept: the statement decides, not the time it takes.
    const keys = await Promise.all(Array.from({ length: 5 }, () => room.newKey()))
    let made = 0
    const together = Promise.withResolvers<undefined>()
    const makers = keys.map((key) => async () => {
      made += 1
      if (made === keys.length) together.resolve(undefined)
      await together.promise
      return key
    })
    await Promise.all(makers.map((maker) => room.store.ensureActive('RS256', maker)))
    t.equal((await database.sql('SELECT kid FROM signing_key')).length, 1)
  }
)

void t.test('one key, added by ten at once: it is in the ring once', async (t) => {
  const { app, room } = await given(t)
  const key = await room.newKey()
  const added = await Promise.all(
    Array.from({ length: 10 }, () => room.store.add(key, rotationTimeline(TTL_SECONDS), OPERATOR))
  )
  t.equal(added.filter(Boolean).length, 1)
  t.equal((await app.sql('SELECT kid FROM signing_key WHERE kid = $1', [key.kid])).length, 1)
  const events = await app.sql(
    `SELECT details FROM audit_event WHERE type = 'signing_key.imported'`
  )
  t.match(events, [{ details: { alg: 'RS256', kid: key.kid } }], 'and in the trail once')
})

void t.test('two rotations, one before the other is due: one active key at any time', async (t) => {
  const { app, room, user } = await given(t)
  const [first, second, third] = [room.ring.signingKey(), await room.newKey(), await room.newKey()]
  await room.store.add(second, { announceSeconds: 100, retireSeconds: 1_000 }, OPERATOR)
  await app.moveTime(50)
  await room.store.add(third, { announceSeconds: 100, retireSeconds: 1_000 }, OPERATOR)
  await untilPublished(app, first.kid, second.kid, third.kid)
  for (const [seconds, kid] of [
    [90, first.kid],
    [110, second.kid],
    [160, third.kid]
  ] as const) {
    await app.moveTime(seconds)
    const { accessToken } = await givenSession(app, user)
    t.equal(headerOf(accessToken)['kid'], kid, `after ${seconds} s`)
    const active = (await room.store.findAll()).filter(
      (row) => phaseOf(row, app.app.clock.now()) === 'active'
    )
    t.strictSame(
      active.map((row) => row.kid),
      [kid]
    )
  }
})

void t.test('the published keys: public fields, cacheable, open to every origin', async (t) => {
  const { app, room } = await given(t)
  await room.store.add(await room.newKey(), rotationTimeline(TTL_SECONDS), OPERATOR)
  await eventually('reload', async () => (await publishedKids(app)).length === 2)
  const answer = await app.get('/.well-known/jwks.json')
  t.equal(answer.statusCode, 200)
  const { keys } = answer.json<{ keys: Record<string, string>[] }>()
  for (const key of keys) {
    t.strictSame(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
    t.match(key, { alg: 'RS256', kty: 'RSA', use: 'sig' })
    t.ok(Buffer.from(key['n']!, 'base64url').length >= 256, 'at least 2048 bits')
  }
  t.match(answer.headers, {
    'content-type': /^application\/(json|jwk-set\+json)/,
    'cache-control': 'public, max-age=300',
    'access-control-allow-origin': '*',
    etag: /^"[\w-]+"$/
  })
  t.notOk('set-cookie' in answer.headers)
})

void t.test('the ETag of the published keys: 304 as long as they are the same', async (t) => {
  const { app, room } = await given(t)
  const url = '/.well-known/jwks.json'
  const etag = String((await app.get(url)).headers.etag)
  const ifNoneMatch = (value: string) =>
    app.app.inject({ url, headers: { 'if-none-match': value, origin: 'https://app.example' } })
  // RFC 9110 §13.1.2: a list, compared weakly; a compressing proxy makes the tag weak.
  for (const value of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const same = await ifNoneMatch(value)
    t.equal(same.statusCode, 304, value)
    t.equal(same.body, '')
    t.match(same.headers, {
      etag,
      'cache-control': /max-age=300/,
      'access-control-allow-origin': '*'
    })
  }
  t.equal((await ifNoneMatch('"other"')).statusCode, 200)
  await room.store.add(await room.newKey(), rotationTimeline(TTL_SECONDS), OPERATOR)
  await eventually('another ETag', async () => (await ifNoneMatch(etag)).statusCode === 200)
})

void t.test(
  'a token of a rotated ring, at another service: verifies with the keys it has',
  async (t) => {
    const { app, room, user } = await given(t)
    const { accessToken: before } = await givenSession(app, user)
    await room.store.add(await room.newKey(), { announceSeconds: 10, retireSeconds: 700 }, OPERATOR)
    await eventually('reload', async () => (await publishedKids(app)).length === 2)
    const keys = createLocalJWKSet((await app.get('/.well-known/jwks.json')).json())
    await app.moveTime(11)
    const { accessToken: after } = await givenSession(app, user)
    t.not(headerOf(before)['kid'], headerOf(after)['kid'])
    for (const token of [before, after]) t.ok(await jwtVerify(token, keys, { typ: 'at+jwt' }))
  }
)
