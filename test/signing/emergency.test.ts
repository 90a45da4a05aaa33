import t, { type Test } from 'tap'
import { createIdTokenHints } from '../../src/oauth/id-token-hint.ts'
import { createJwtSigner } from '../../src/signing/jwt-signer.ts'
import { phaseOf } from '../../src/signing/ring-plan.ts'
import { startApp } from '../support/app.ts'
import { openKeyRoom, OPERATOR } from '../support/key-room.ts'

const EMERGENCY = { reason: 'emergency' as const, origin: OPERATOR }

/** A database in which ES256 has a ring of before, and a release that knew another one, too. */
async function given(t: Test) {
  const before = await startApp(t, { SIGNING_ALGORITHMS: 'RS256,ES256' })
  await openKeyRoom(t, before)
  await before.sql(`INSERT INTO signing_key
    SELECT 'unknown', 'ML-DSA-44', public_jwk, sealed_private, announced_at, active_at FROM signing_key LIMIT 1`)
  await before.close()
  const env = { ...before.env, SIGNING_ALGORITHMS: 'RS256' }
  const room = await openKeyRoom(t, { ...before, env })

  /** Those that are not gone. */
  async function live() {
    await room.platform.clock.sync()
    const now = room.platform.clock.now()
    return (await room.store.findAll()).filter((row) => phaseOf(row, now) !== 'gone')
  }

  return { room, live }
}

void t.test('an emergency: rings that are not configured any more are dropped too', async (t) => {
  const { room, live } = await given(t)
  t.same(new Set((await live()).map(({ alg }) => alg)), new Set(['RS256', 'ES256', 'ML-DSA-44']))
  const replaced = await room.rotation.replaceAll('all', 0, EMERGENCY)
  t.match(replaced, [
    { alg: 'RS256', active: String },
    { alg: 'ES256', active: null },
    { alg: 'ML-DSA-44', active: null, dropped: ['unknown'] }
  ])
  const [rs256] = replaced
  t.same(
    (await live()).map(({ kid }) => kid),
    [rs256!.active, rs256!.reserve],
    'what is alive is new, and of the configured ring'
  )
})

void t.test('an emergency of one ring: the others stay', async (t) => {
  const { room, live } = await given(t)
  await room.rotation.replaceAll(['RS256'], 0, EMERGENCY)
  t.same(new Set((await live()).map(({ alg }) => alg)), new Set(['RS256', 'ES256', 'ML-DSA-44']))
})

void t.test('an emergency: hints by keys that were gone before are believed no more', async (t) => {
  const { room } = await given(t)
  const { ring, platform, rotation } = room
  const readHint = createIdTokenHints({ keyRing: ring, issuer: 'https://auth.example' })
  const claims = { iss: 'https://auth.example', sub: 'a', aud: 'shop', sid: 'b' }
  const hint = await createJwtSigner(ring)('JWT', claims)
  await platform.postgres.transaction(
    (tx) => tx.$executeRaw`
      UPDATE signing_key SET retiring_at = latchkey_now() - interval '2 h', gone_at = latchkey_now() - interval '1 h'
       WHERE kid = ${ring.signingKey().kid}`
  )
  await ring.reload()
  t.match(await readHint(hint), { sub: 'a' }, 'a key that went in order')
  await rotation.replaceAll('all', 0, EMERGENCY)
  await ring.reload()
  t.equal(await readHint(hint), null)
})
