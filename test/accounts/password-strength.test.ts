import { getActiveResourcesInfo } from 'node:process'
import t from 'tap'
import { createStrengthEstimator } from '../../src/accounts/password-strength.ts'
import { UnavailableError } from '../../src/errors.ts'

/** Among the slowest that zxcvbn knows. */
const SLOW = 'kR8tz/4Qm1xPq0v+7LwYb3Hs9ZcJ2fNd'

/** The longest time that the event loop did nothing else. */
async function longestPause(work: () => Promise<unknown>): Promise<number> {
  let longestMs = 0
  let lastMs = performance.now()
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs)
    lastMs = performance.now()
  }, 1)
  await work()
  clearInterval(timer)
  return longestMs
}

const threads = () => getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length

void t.test('passwords of every strength: judged with the reason', async (t) => {
  const { estimate, close } = createStrengthEstimator()
  t.teardown(close)
  for (const weak of ['P@ssw0rd', 'p4$$w0rd!', 'qwertyuiop', '1qaz2wsx', '12121991', 'iloveyou2'])
    t.ok((await estimate(weak, [])).score < 3, weak)
  for (const strong of [SLOW, 'sparrow-lantern-42-quartz', 'granite otter meadow'])
    t.equal((await estimate(strong, [])).score, 4, strong)
  const [alone, own] = [
    await estimate('zorbalinka77', []),
    await estimate('zorbalinka77', ['j.zorbalinka@example.com'])
  ]
  t.ok(own.score < 3 && own.score < alone.score, 'words of its owner make none')
  t.ok(own.reasons.length > 0)
})

void t.test('twelve slow passwords at once: the server goes on with everything else', async (t) => {
  const { estimate, close } = createStrengthEstimator()
  t.teardown(close)
  await estimate(SLOW, [])
  const startedAtMs = performance.now()
  const pauseMs = await longestPause(() =>
    Promise.all(Array.from({ length: 12 }, (_, i) => estimate(`${i}${SLOW}`, [])))
  )
  const tookMs = performance.now() - startedAtMs
  t.comment(`12 passwords in ${Math.round(tookMs)} ms, longest pause ${Math.round(pauseMs)} ms`)
  t.ok(pauseMs < tookMs / 4, 'none of them ran on this thread')
})

void t.test('answers of passwords at once: each its own', async (t) => {
  const { estimate, close } = createStrengthEstimator()
  t.teardown(close)
  const asked = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'password' : SLOW))
  const scores = (await Promise.all(asked.map((password) => estimate(password, [])))).map(
    ({ score }) => score
  )
  t.strictSame(
    scores,
    asked.map((password) => (password === SLOW ? 4 : 0))
  )
})

void t.test('more than may wait: 503 for the rest, an answer for the others', async (t) => {
  const { estimate, close } = createStrengthEstimator()
  t.teardown(close)
  const all = await Promise.allSettled(Array.from({ length: 150 }, () => estimate('password', [])))
  const refused = all.filter((outcome) => outcome.status === 'rejected')
  t.equal(refused.length, 150 - 129)
  t.ok(refused.every(({ reason }) => reason instanceof UnavailableError))
  t.equal((await estimate(SLOW, [])).score, 4, 'and it goes on')
})

void t.test('never asked, or closed while somebody waits: nothing is left', async (t) => {
  const before = threads()
  await createStrengthEstimator().close()
  const { estimate, close } = createStrengthEstimator()
  const waiting = estimate(SLOW, [])
  waiting.catch(() => undefined)
  await close()
  await t.rejects(waiting, { code: 'service_unavailable' })
  t.equal(threads(), before)
})
