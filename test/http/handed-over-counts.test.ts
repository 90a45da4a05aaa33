import { fastify } from 'fastify'
import t from 'tap'
import rateLimits, { type RateLimitsOptions } from '../../src/http/rate-limits.ts'

const MAX = 4
const limit = { max: MAX, windowMs: 60_000 }
const groups = ['login', 'register', 'reset', 'client_registration', 'device', 'authorize'] as const
const limits = Object.fromEntries(
  groups.map((group) => [group, limit])
) as RateLimitsOptions['limits']

let counted = 0
const app = fastify()
app.decorate('addressOf', () => '127.0.0.1')
// What is done before the lifecycle, and a hook that refuses before the limit's.
app.addHook('onRequest', async ({ raw, headers }) => {
  if (headers['x-counted'] === undefined) return
  const count = await app.countShortly('authorize', raw)
  count?.handOver()
  if (headers['x-refused'] !== undefined) throw new Error('no')
})
await app.register(rateLimits, {
  limits,
  count: () => Promise.resolve({ count: (counted += 1), resetsInMs: 30_000 })
})
app.get('/', { config: { limit: 'authorize' } }, () => 'here')

async function get(headers: Record<string, string> = {}) {
  const { statusCode, headers: told } = await app.inject({ url: '/', headers })
  return { statusCode, remaining: told['ratelimit-remaining'], again: told['retry-after'] }
}

void t.test('a request that was counted before: told of that, and counted once', async (t) => {
  t.match(await get({ 'x-counted': '1' }), { statusCode: 200, remaining: String(MAX - 1) })
  t.match(await get(), { statusCode: 200, remaining: String(MAX - 2) })
  t.equal(counted, 2)
})

void t.test('one that was refused before its count was used: nothing of it stays', async (t) => {
  t.equal((await get({ 'x-counted': '1', 'x-refused': '1' })).statusCode, 500)
  t.match(await get(), { statusCode: 200, remaining: String(MAX - 4) })
  t.equal(counted, 4)
})

void t.test('one too many that was counted before: refused, as by the limit itself', async (t) => {
  const before = await get({ 'x-counted': '1' })
  t.strictSame(before, { statusCode: 429, remaining: '0', again: '30' })
  t.strictSame(await get(), before)
})
