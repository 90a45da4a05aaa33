import t from 'tap'
import { startApp } from '../support/app.ts'

const TOKEN = 'a-token-for-prometheus'

void t.test('GET /metrics, with METRICS_TOKEN set: opens for that token only', async (t) => {
  const { get, app } = await startApp(t, { METRICS_TOKEN: TOKEN })
  app.log.level = 'silent'
  t.match(await get('/metrics'), { statusCode: 401 })
  t.match(await get('/metrics', 'another-token-of-its-length'), { statusCode: 401 })
  const answer = await get('/metrics', TOKEN)
  t.match(answer, { statusCode: 200, headers: { 'content-type': /^text\/plain/ } })
})

void t.test('GET /metrics, with no token set: this machine only', async (t) => {
  const { app } = await startApp(t)
  t.match(await app.inject('/metrics'), { statusCode: 200 })
  const remote = await app.inject({ url: '/metrics', remoteAddress: '203.0.113.7' })
  t.match(remote, { statusCode: 404 }, 'another peer')
  const rebound = await app.inject({ url: '/metrics', headers: { host: 'evil.example' } })
  t.match(rebound, { statusCode: 404 }, 'a page that rebinds its name')
})
