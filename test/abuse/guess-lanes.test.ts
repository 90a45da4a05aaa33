import { randomBytes, randomUUID } from 'node:crypto'
import t from 'tap'
import { createGuessLaneStore } from '../../src/abuse/guess-lane-store.ts'
import { createGuessLanes } from '../../src/abuse/guess-lanes.ts'
import type { Guess } from '../../src/abuse/guess.ts'
import { startApp } from '../support/app.ts'
import { eventually } from '../support/eventually.ts'
import { openKeyRoom } from '../support/key-room.ts'

const app = await startApp(t)
const { platform } = await openKeyRoom(t, app)
const store = createGuessLaneStore(platform.postgres)
const lanes = createGuessLanes({
  store,
  dataKeys: platform.dataKeys,
  metrics: platform.metrics
})

async function guess(account: string, judge: Guess['judge'], line = account) {
  const notice = { id: randomUUID(), kind: 'test', payloadSealed: new Uint8Array([1]) }
  return lanes.guess({ subject: { account }, line, notice, judge })
}

/** A right guess, and what it begins. */
async function rightly(account: string, begin: Guess['begin']) {
  const notice = { id: randomUUID(), kind: 'test', payloadSealed: new Uint8Array([1]) }
  return lanes.guess({ subject: { account }, line: account, notice, judge: right, begin })
}

const wrong = () => Promise.resolve(false)
const right = (mayCount: boolean) => Promise.resolve(mayCount)
const broken = () => Promise.reject(new Error('the queue is full'))

async function lane() {
  const [row] = await app.sql<{ failures: number; isBlocked: boolean }>(
    'SELECT failures, blocked_until IS NOT NULL AS "isBlocked" FROM guess_lane ORDER BY updated_at DESC LIMIT 1'
  )
  return row
}

void t.test('two names of one account, at once: neither waits for the other', async (t) => {
  const both = Promise.withResolvers<undefined>()
  let there = 0
  const judge = async () => {
    there += 1
    if (there === 2) both.resolve(undefined)
    await both.promise
    return false
  }
  const account = randomUUID()
  t.strictSame(
    await Promise.all([guess(account, judge, 'email'), guess(account, judge, 'username')]),
    [false, false]
  )
  t.equal((await lane())?.failures, 2, 'and they count on one lane')
})

void t.test('one name, twice at once: in turn', async (t) => {
  let running = 0
  const judge = async () => {
    running += 1
    t.equal(running, 1)
    await Promise.resolve()
    running -= 1
    return true
  }
  const account = randomUUID()
  await Promise.all(Array.from({ length: 5 }, () => guess(account, judge)))
})

void t.test('what a right guess begins: within its turn, and it clears the lane', async (t) => {
  const account = randomUUID()
  let running = 0
  const keys: Buffer[] = []
  const begin = async (key: Buffer) => {
    keys.push(key)
    running += 1
    t.equal(running, 1)
    await app.sql('DELETE FROM guess_lane WHERE key = $1', [key])
    running -= 1
    return true
  }
  const all = Array.from({ length: 8 }, () => rightly(account, begin))
  t.strictSame(await Promise.all(all), Array(8).fill(true), 'none blocks the next')
  t.strictSame(await app.sql('SELECT key FROM guess_lane WHERE key = $1', [keys[0]]), [])
})

void t.test(
  'a right guess that begins nothing, or fails to: its lane is cleared all the same',
  async (t) => {
    const account = randomUUID()
    let key: Buffer | undefined
    const failed = new Error('no session')
    const nothing = (lane: Buffer) => {
      key = lane
      return Promise.resolve(false)
    }
    t.equal(await rightly(account, nothing), true)
    t.strictSame(await app.sql('SELECT key FROM guess_lane WHERE key = $1', [key]), [])
    await t.rejects(
      rightly(account, () => Promise.reject(failed)),
      failed
    )
    await eventually('the lane is cleared', async () => {
      return (await app.sql('SELECT key FROM guess_lane WHERE key = $1', [key])).length === 0
    })
  }
)

void t.test('a wrong guess, and one that is blocked: begin nothing', async (t) => {
  const account = randomUUID()
  const notice = { id: randomUUID(), kind: 'test', payloadSealed: new Uint8Array([1]) }
  const begin = () => Promise.resolve(t.fail('it began'))
  const guessed = { subject: { account }, line: account, notice, judge: wrong, begin }
  for (let i = 0; i < 5; i += 1) t.equal(await lanes.guess(guessed), false)
  t.equal(await lanes.guess({ ...guessed, judge: () => Promise.resolve(true) }), false)
})

void t.test('a guess that could not be judged: does not count, nor does its block', async (t) => {
  const account = randomUUID()
  for (let i = 0; i < 4; i += 1) await guess(account, wrong)
  await t.rejects(guess(account, broken))
  t.strictSame(await lane(), { failures: 4, isBlocked: false })
  t.equal(await guess(account, right), true, 'the next one is looked at')
})

void t.test('a guess that would be judged too late: nothing is reserved', async (t) => {
  const account = randomUUID()
  const notice = { id: randomUUID(), kind: 'test', payloadSealed: new Uint8Array([1]) }
  const before = await app.sql('SELECT key FROM guess_lane')
  const late = new Error('too late')
  const requireTime = () => {
    throw late
  }
  const guessed = { subject: { account }, line: account, notice, judge: right, requireTime }
  await t.rejects(lanes.guess(guessed), late)
  t.equal((await app.sql('SELECT key FROM guess_lane')).length, before.length)
})

void t.test('a guess that could not be judged, another has blocked: the block stays', async (t) => {
  const account = randomUUID()
  for (let i = 0; i < 3; i += 1) await guess(account, wrong)
  const started = Promise.withResolvers<undefined>()
  const ended = Promise.withResolvers<boolean>()
  const first = guess(
    account,
    () => {
      started.resolve(undefined)
      return ended.promise
    },
    'email'
  )
  await started.promise
  await guess(account, wrong, 'username')
  ended.reject(new Error('the queue is full'))
  await t.rejects(first)
  t.strictSame(await lane(), { failures: 4, isBlocked: true })
})

void t.test('whoever waited in line through a block: is not looked at', async (t) => {
  const key = randomBytes(32)
  const notice = { id: randomUUID(), kind: 'test', payloadSealed: new Uint8Array([1]) }
  for (let i = 0; i < 5; i += 1) t.ok(await store.reserve(key, 0, notice))
  await app.sql(
    `UPDATE guess_lane SET blocked_until = latchkey_now() - interval '60 seconds' WHERE key = $1`,
    [key]
  )
  t.equal(await store.reserve(key, 90, notice), null, 'it came while the lane was blocked')
  t.match(await store.reserve(key, 20, notice), { failures: 6 }, 'it came after')
})
