import { createPublicKey } from 'node:crypto'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { openKeyRoom, OPERATOR } from '../support/key-room.ts'
import { openDatabase } from '../support/raw-database.ts'

const DAY = 86_400

/** A key that signed, and was gone at day 1. */
async function given(t: Test) {
  const app = await startApp(t)
  const room = await openKeyRoom(t, app)
  const { sql, moveTime } = await openDatabase(t, app.databaseUrl)
  await app.close()
  const { kid } = room.ring.signingKey()
  await moveTime(DAY - 3_600)
  await room.rotation.rotate(['RS256'], OPERATOR)

  /** What Postgres holds of it, opened. */
  async function sealed() {
    const [row] = await sql<{ sealed: Buffer }>(
      'SELECT sealed_private AS sealed FROM signing_key WHERE kid = $1',
      [kid]
    )
    const place = { table: 'signing_key', column: 'sealed_private', row: kid }
    return room.sealer.openBytes('signing', row!.sealed, place)
  }
  async function reload() {
    await room.platform.clock.sync()
    await room.ring.reload()
    return room.ring.all().find((key) => key.kid === kid)!
  }
  return { app, room, sql, moveTime, kid, sealed, reload }
}

void t.test('a key that is gone: a week later its private half is erased, once', async (t) => {
  const { room, moveTime, kid, sealed, reload } = await given(t)
  const { publicJwk, privateKey } = await reload()
  const der = privateKey!.export({ format: 'der', type: 'pkcs8' })
  await moveTime(7 * DAY)
  t.strictSame(await room.erasePrivateHalves(), [], 'six days: it is there')
  t.strictSame(await sealed(), der)

  await moveTime(8 * DAY)
  const both = await Promise.all([room.erasePrivateHalves(), room.erasePrivateHalves()])
  t.strictSame(both.flat(), [kid], 'of two servers one does it')
  t.strictSame(await room.erasePrivateHalves(), [], 'and it is done once')
  const left = await sealed()
  t.notOk(left.includes(Buffer.from(privateKey!.export({ format: 'jwk' }).d!, 'base64url')))
  t.strictSame(
    createPublicKey({ key: left, format: 'der', type: 'spki' }).export({ format: 'jwk' }),
    { ...publicJwk },
    'the public half alone, sealed'
  )
  const key = await reload()
  t.equal(key.privateKey, null, 'a server that had it in memory lets go of it')
  t.strictSame(key.publicJwk, publicJwk, 'hints are still held against it')
  t.not(room.ring.signingKey().kid, kid)
})

void t.test(
  'an erased key whose dates somebody rewrites: signs, verifies and is published nowhere',
  async (t) => {
    const { room, sql, moveTime, kid, reload } = await given(t)
    await moveTime(8 * DAY)
    await room.erasePrivateHalves()
    await sql(
      'UPDATE signing_key SET gone_at = NULL, retiring_at = NULL, active_at = latchkey_now() WHERE kid = $1',
      [kid]
    )
    await reload()
    t.not(room.ring.signingKey().kid, kid)
    t.equal(room.ring.verificationKey(kid), undefined)
    t.notOk(room.ring.jwks().body.includes(kid))
  }
)

void t.test('a server that starts among erased keys: knows them, without a fault', async (t) => {
  const { app, room, moveTime, kid } = await given(t)
  await moveTime(8 * DAY)
  await room.erasePrivateHalves()
  const next = await openKeyRoom(t, app)
  const key = next.ring.all().find((one) => one.kid === kid)
  t.equal(key?.privateKey, null)
  t.ok(next.ring.signingKey())
})
