import type { Test } from 'tap'
import { startHttpsServer, type Seen } from './https-server.ts'
import { createTlsAuthority } from './tls-authority.ts'

export type Page = { status?: number; headers?: Record<string, string>; body: unknown }

/** Somebody else's https site, which the app may ask: `pages` by path, each as JSON unless it is text. */
export async function startNeighbour(t: Test) {
  const authority = await createTlsAuthority()
  const pages = new Map<string, Page>()
  const server = await startHttpsServer(t, await authority.issue('localhost'), (response, seen) => {
    const page = pages.get(seen.url) ?? { status: 404, body: 'nothing here' }
    const body = typeof page.body === 'string' ? page.body : JSON.stringify(page.body)
    response.writeHead(page.status ?? 200, { 'content-type': 'application/json', ...page.headers })
    response.end(body)
  })
  const url = `https://localhost:${server.port}`
  return {
    url,
    pages,
    /** Settings that let the app ask it. */
    env: { OUTBOUND_ALLOWED_HOSTS: `localhost:${server.port}`, OUTBOUND_CA: authority.ca },
    asked: (path: string) => server.seen.filter((one: Seen) => one.url === path).length,
    seen: server.seen
  }
}
