import { Redis } from 'ioredis'
import t from 'tap'
import { claimsOf, givenSession, givenUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import {
  REFUSED_WITHIN_MS,
  givenReplicas,
  logout,
  untilRefused,
  verdict
} from '../support/replicas.ts'

const CHANNEL = 'latchkey:channel:revoked'

const { redis, here, there, both } = await givenReplicas(t)
const user = await givenUser(here)
const observer = new Redis(redis.url)
const listener = new Redis(redis.url)
t.teardown(() => {
  observer.disconnect()
  listener.disconnect()
})
const heard: string[] = []
listener.on('message', (_channel, message) => heard.push(message))
await listener.subscribe(CHANNEL)

void t.test('a logout: announced once, naming the session and no token', async (t) => {
  const { accessToken, sessionId } = await givenSession(here, user)
  await logout(here, accessToken)
  const message = await eventually('announcement', () =>
    Promise.resolve(heard.find((text) => text.includes(sessionId)))
  )
  t.match(JSON.parse(message), [{ kind: 'session', subject: sessionId, revokedAt: /Z$/ }])
  t.notOk(message.includes(accessToken))
  await logout(here, accessToken)
  await logout(there, accessToken)
  await untilRefused(both, accessToken)
  t.equal(heard.filter((text) => text.includes(sessionId)).length, 1, 'repeating it tells nothing')
})

void t.test('an announcement that Postgres does not know yet: believed by both', async (t) => {
  const { accessToken, sessionId } = await givenSession(here, user)
  const other = await givenSession(here, user)
  const entries = [{ kind: 'session', subject: sessionId, revokedAt: new Date() }]
  t.equal(await observer.publish(CHANNEL, JSON.stringify(entries)), 3, 'both listen, and the test')
  t.ok((await untilRefused(both, accessToken)) < REFUSED_WITHIN_MS)
  for (const app of both) t.equal(await verdict(app, other.accessToken), 200)
})

void t.test('announcements that are none: change nothing, and later ones are heard', async (t) => {
  const good = await givenSession(here, user)
  const { sid, sub } = claimsOf(good.accessToken) as { sid: string; sub: string }
  const past = new Date(0).toISOString()
  const odd = ['', 'x', '5', 'null', '{}', '[null]', '[5]', `"${sid}"`, `[["session","${sid}"]]`]
  const harmless = [
    JSON.stringify([{ kind: 'Session', subject: sid, revokedAt: past }]),
    JSON.stringify([{ kind: 'user', subject: sub, revokedAt: past }]),
    JSON.stringify([{ kind: 'client', subject: 'latchkey', revokedAt: past }]),
    `[{"kind":"session","subject":"${sid}"`
  ]
  for (const message of [...odd, ...harmless]) await observer.publish(CHANNEL, message)
  const sentinel = await givenSession(here, user)
  await logout(there, sentinel.accessToken)
  await untilRefused(both, sentinel.accessToken)
  for (const app of both) t.equal(await verdict(app, good.accessToken), 200)
})
