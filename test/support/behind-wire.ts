import type { Test } from 'tap'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import type { TestApp } from './app.ts'
import { startTcpProxy } from './tcp-proxy.ts'

/**
 * A second server on `app`'s database and keys that reaches Postgres through a wire to cut: the test
 * still sees the state through `app`.
 */
export async function startBehindWire(t: Test, app: TestApp, env: Record<string, string> = {}) {
  const wire = await startTcpProxy(t, app.databaseUrl)
  const server = await buildApp({ ...readConfig({ ...app.env, ...env }), databaseUrl: wire.url })
  t.teardown(async () => {
    await server.close()
  })
  await server.ready()
  await server.warmUp()

  async function post(url: string, body?: object, headers: Record<string, string> = {}) {
    return server.inject({ method: 'POST', url, headers, ...(body !== undefined && { body }) })
  }

  async function get(url: string, accessToken?: string) {
    const headers = accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }
    return server.inject({ url, headers })
  }

  return { wire, app: server, post, get }
}
