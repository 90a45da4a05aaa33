import { givenUser, PASSWORD } from '../../support/builders.ts'
import type { World } from './world.ts'

const ELSEWHERE = '203.0.113.7'

/** What machines ask: keys, health, metrics. */
export async function callOperations({ app, strict, call }: World): Promise<void> {
  const keys = await call('GET /.well-known/jwks.json')
  const etag = keys.headers.etag as string
  await call('GET /.well-known/jwks.json', { headers: { 'if-none-match': etag } })
  await call('GET /metrics', { remoteAddress: '127.0.0.1' })
  await call('GET /metrics', { remoteAddress: ELSEWHERE })
  await call('GET /metrics', { at: strict })
  for (const name of ['GET /health', 'GET /livez', 'GET /readyz']) await call(name)
  const { id, email } = await givenUser(app)
  await app.sql("UPDATE users SET status = 'disabled' WHERE id = $1", [id])
  await call('POST /auth/login', { body: { email, password: PASSWORD } })
}
