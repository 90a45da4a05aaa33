import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createIdTokenHints } from '../../src/oauth/id-token-hint.ts'
import { createJwtSigner } from '../../src/signing/jwt-signer.ts'
import { openKeyRing } from '../../src/signing/key-ring.ts'
import { createAccessTokens } from '../../src/tokens/access-token.ts'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { openKeyRoom, OPERATOR } from '../support/key-room.ts'

const EMERGENCY = { reason: 'emergency' as const, origin: OPERATOR }
const ISSUER = 'https://auth.example'
const app = await startApp(t)
const room = await openKeyRoom(t, app)

/** A server that reads the rings only when it has to, as one does right after it was frozen. */
async function givenFrozen() {
  const { store, sealer, platform } = room
  const { clock } = platform
  const seen = { reads: 0, isAway: false, faults: [] as unknown[] }
  const findAll = async () => {
    seen.reads += 1
    if (seen.isAway) throw new Error('away')
    return store.findAll()
  }
  const keyRing = await openKeyRing({
    store: { ...store, findAll },
    sealer,
    clock,
    algorithms: ['RS256'],
    onFault: (error) => seen.faults.push(error)
  })
  const signJwt = createJwtSigner(keyRing)
  const deps = { keyRing, signJwt, clock, issuer: ISSUER, audience: [], ttlSeconds: 600 }
  const tokens = createAccessTokens(deps)
  const token = await tokens.issue({ sub: 'shop', client_id: 'shop', scope: '' })
  const hint = await signJwt('JWT', { iss: ISSUER, sub: 'a', aud: 'shop', sid: 'b' })
  return { seen, tokens, token, hint, readHint: createIdTokenHints({ keyRing, issuer: ISSUER }) }
}

void t.test(
  'a server that was frozen: keys that were dropped meanwhile are believed no more',
  async (t) => {
    const { seen, tokens, token, hint, readHint } = await givenFrozen()
    t.ok(await tokens.verify(token, ISSUER))
    t.equal(seen.reads, 1, 'what was read a moment ago counts')
    t.ok(await readHint(hint))
    await room.rotation.replaceAll('all', 0, EMERGENCY)
    await delay(1_050)
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => tokens.verify(token, ISSUER))
    )
    t.same(new Set(answers), new Set([null]))
    t.equal(seen.reads, 2, 'and one reading is for all')
    t.equal(await readHint(hint), null)
  }
)

void t.test('a server that was frozen, and Postgres is away: 503, not a guess', async (t) => {
  const { seen, tokens, token, hint, readHint } = await givenFrozen()
  seen.isAway = true
  t.ok(await tokens.verify(token, ISSUER), 'within a second, nothing is asked')
  await delay(1_050)
  await t.rejects(tokens.verify(token, ISSUER), { code: 'service_unavailable', status: 503 })
  await t.rejects(readHint(hint), { code: 'service_unavailable', status: 503 })
  seen.isAway = false
  t.ok(await tokens.verify(token, ISSUER), 'back at once')
})

async function addDamaged(t: Test) {
  await app.sql(`INSERT INTO signing_key
    SELECT 'damaged', alg, public_jwk, sealed_private, announced_at, active_at FROM signing_key LIMIT 1`)
  t.teardown(() => app.sql(`DELETE FROM signing_key WHERE kid = 'damaged'`))
}

void t.test('a row that does not open: it is told once, and the others follow', async (t) => {
  const { accessToken } = await givenSession(app)
  await addDamaged(t)
  const { seen } = await givenFrozen()
  t.match(seen.faults, [{ message: /^Signing key damaged does not open/ }])
  await room.rotation.replaceAll('all', 0, EMERGENCY)
  await eventually('refusal', async () => {
    return (await app.get('/verify-token', accessToken)).statusCode === 401
  })
  const { accessToken: next } = await givenSession(app)
  t.equal((await app.get('/verify-token', next)).statusCode, 200)
})
