import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createKnownDeviceStore } from '../../src/accounts/known-device-store.ts'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import { openKeyRoom } from '../support/key-room.ts'

const app = await startApp(t)
const { platform } = await openKeyRoom(t, app)
const store = createKnownDeviceStore(platform)
const { id: userId } = await givenUser(app)

async function passwordHash(): Promise<string> {
  const [row] = await app.sql<{ hash: string }>(
    'SELECT password_hash AS hash FROM users WHERE id = $1',
    [userId]
  )
  return row!.hash
}

void t.test('an eleventh browser: the oldest is forgotten, the newest known', async (t) => {
  const proof = { userId, passwordHash: await passwordHash() }
  const nonces = Array.from({ length: 12 }, () => randomBytes(32))
  for (const nonce of nonces) await store.add(proof, nonce, 60)
  const known = await Promise.all(nonces.map((nonce) => store.isKnown(userId, nonce)))
  t.strictSame(known, [false, false, ...Array.from({ length: 10 }, () => true)])
  t.equal((await app.sql('SELECT id FROM known_device WHERE user_id = $1', [userId])).length, 10)
})

void t.test(
  'a browser whose password was replaced since: not known, and forgets nobody',
  async (t) => {
    const nonce = randomBytes(32)
    await store.add({ userId, passwordHash: 'another hash' }, nonce, 60)
    t.notOk(await store.isKnown(userId, nonce))
    t.equal((await app.sql('SELECT id FROM known_device WHERE user_id = $1', [userId])).length, 10)
  }
)

void t.test("a browser of one's own after its time, or of somebody else: not known", async (t) => {
  const proof = { userId, passwordHash: await passwordHash() }
  const [late, own] = [randomBytes(32), randomBytes(32)]
  await store.add(proof, late, 0)
  await store.add(proof, own, 60)
  t.notOk(await store.isKnown(userId, late))
  t.notOk(await store.isKnown((await givenUser(app)).id, own))
  t.ok(await store.isKnown(userId, own))
})
