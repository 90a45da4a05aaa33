import t, { type Test } from 'tap'
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
