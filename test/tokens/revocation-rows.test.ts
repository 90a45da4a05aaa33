import t, { type Test } from 'tap'
import { createRevocationStore } from '../../src/tokens/revocation-store.ts'
import type { TokenIdentity } from '../../src/tokens/token-identity.ts'
import { claimsOf, givenSession, givenUser, refresh } from '../support/builders.ts'
import { openKeyRoom } from '../support/key-room.ts'
import { REFUSED_WITHIN_MS, givenReplicas, untilRefused, verdict } from '../support/replicas.ts'

const { here, both } = await givenReplicas(t)
const { platform } = await openKeyRoom(t, here)
const store = createRevocationStore(platform.postgres)

const identityOf = (token: string) => claimsOf(token) as TokenIdentity
const issuedAt = (token: string) => identityOf(token).iat

type Row = { kind: 'jti' | 'client' | 'user'; subject: string; atSeconds?: number }

/** Writes rows, as a script of the operator might; without a time, they are of now. */
async function revoke(...rows: Row[]): Promise<void> {
  for (const { kind, subject, atSeconds } of rows) {
    await here.sql(
      `INSERT INTO revocation (id, kind, subject, revoked_at)
       VALUES (gen_random_uuid(), $1::revocation_kind, $2,
               coalesce(to_timestamp($3), latchkey_now()))`,
      [kind, subject, atSeconds ?? null]
    )
  }
}

/** Every server refuses exactly these and takes the others; so does the statement for stale feeds. */
async function refusesOnly(t: Test, refused: string[], taken: string[]): Promise<void> {
  for (const token of refused) {
    const tookMs = await untilRefused(both, token)
    t.ok(tookMs < REFUSED_WITHIN_MS, `refused by both after ${tookMs} ms`)
    t.equal(await store.isRevoked(identityOf(token)), true, 'and by the statement')
  }
  // Each write comes before the one that was just seen: the feed has read them all.
  for (const token of taken) {
    for (const app of both) t.equal(await verdict(app, token), 200, 'taken')
    t.equal(await store.isRevoked(identityOf(token)), false, 'and by the statement')
  }
}

void t.test('a jti row: refuses that token, not the session’s next nor another', async (t) => {
  const { accessToken, refreshToken, user } = await givenSession(here)
  const next = (await refresh(here, refreshToken)).json().access_token as string
  const other = await givenSession(here, user)
  await revoke({ kind: 'jti', subject: identityOf(accessToken).jti })
  await refusesOnly(t, [accessToken], [next, other.accessToken])
})

void t.test('a jti row that is older than its token: refuses it all the same', async (t) => {
  const { accessToken } = await givenSession(here)
  const { jti, iat } = identityOf(accessToken)
  await revoke({ kind: 'jti', subject: jti, atSeconds: iat - 5 })
  await refusesOnly(t, [accessToken], [])
})

void t.test('a user row: refuses what they had, of every session, and nobody else’s', async (t) => {
  const user = await givenUser(here)
  const [first, second] = [await givenSession(here, user), await givenSession(here, user)]
  const stranger = await givenSession(here)
  await revoke({ kind: 'user', subject: user.id })
  await refusesOnly(t, [first.accessToken, second.accessToken], [stranger.accessToken])
})

void t.test('a user row, then a login: the new token is taken', async (t) => {
  const { accessToken, user } = await givenSession(here)
  const sentinel = await givenSession(here)
  await revoke(
    { kind: 'user', subject: user.id, atSeconds: issuedAt(accessToken) - 1 },
    { kind: 'jti', subject: identityOf(sentinel.accessToken).jti }
  )
  await refusesOnly(t, [sentinel.accessToken], [accessToken])
  await revoke({ kind: 'user', subject: user.id, atSeconds: issuedAt(accessToken) })
  await refusesOnly(t, [accessToken], [])
})

void t.test('an older user row after a newer one: the newer one still counts', async (t) => {
  const { accessToken, user } = await givenSession(here)
  const sentinel = await givenSession(here)
  await revoke({ kind: 'user', subject: user.id })
  await untilRefused(both, accessToken)
  await revoke(
    { kind: 'user', subject: user.id, atSeconds: issuedAt(accessToken) - 5 },
    { kind: 'jti', subject: identityOf(sentinel.accessToken).jti }
  )
  await refusesOnly(t, [sentinel.accessToken, accessToken], [])
})

void t.test('rows that name something of another kind: refuse nothing', async (t) => {
  const { accessToken, sessionId, user } = await givenSession(here)
  const sentinel = await givenSession(here)
  await revoke(
    { kind: 'jti', subject: user.id },
    { kind: 'jti', subject: sessionId },
    { kind: 'user', subject: identityOf(accessToken).jti },
    { kind: 'user', subject: 'latchkey' },
    { kind: 'client', subject: user.id },
    { kind: 'client', subject: 'another-client' },
    { kind: 'jti', subject: identityOf(sentinel.accessToken).jti }
  )
  await refusesOnly(t, [sentinel.accessToken], [accessToken])
})

void t.test('a client row: refuses all that the client had, not what it gets after', async (t) => {
  const [first, second] = [await givenSession(here), await givenSession(here)]
  const sentinel = await givenSession(here)
  await revoke(
    { kind: 'client', subject: 'latchkey', atSeconds: issuedAt(first.accessToken) - 1 },
    { kind: 'jti', subject: identityOf(sentinel.accessToken).jti }
  )
  await refusesOnly(t, [sentinel.accessToken], [first.accessToken, second.accessToken])
  await revoke({ kind: 'client', subject: 'latchkey' })
  await refusesOnly(t, [first.accessToken, second.accessToken], [])
})
