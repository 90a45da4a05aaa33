import type { IncomingMessage, RequestListener } from 'node:http'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { v4 as uuidv4 } from 'uuid'
import { hasStandingHeaders, type StandingResponse } from './standing-headers.ts'

/** Where a browser is sent. */
export type ShortRedirect = {
  location: string
  /** In lower case, beside those that stand on every answer; the same object for all of a route. */
  headers: Record<string, string>
  /** Header lines of this answer alone. */
  lines: string
  userId: string
  sessionId: string
}

/**
 * @returns null for what is not that plain: it goes Fastify's way, where the route says the same. Nothing that was
 *   begun may be begun again there
 */
export type FindRedirect = (
  request: IncomingMessage,
  query: string
) => Promise<ShortRedirect | null> | null

declare module 'fastify' {
  interface FastifyInstance {
    /** Redirects `GET path?…` before Fastify's lifecycle begins. */
    redirectShortly: (path: string, find: FindRedirect) => void
  }
}

/**
 * Redirects that take one statement: a lifecycle of hooks would take longer than all the rest. Each is logged and
 * counted like any other request. With a collector for traces all goes through the lifecycle.
 */
export default fp<{ isTraced: boolean }>(
  (app: FastifyInstance, { isTraced }, done) => {
    const finders = new Map<string, FindRedirect>()
    const heads = new WeakMap<ShortRedirect['headers'], string>()
    let isClosing = false
    app.decorate('redirectShortly', (path, find) => {
      finders.set(path, find)
    })
    app.addHook('preClose', (next) => {
      isClosing = true
      next()
    })

    /** @returns whether it will be answered, by `otherwise` if need be */
    function answer(
      request: IncomingMessage,
      response: StandingResponse,
      otherwise: () => void
    ): boolean {
      const { url = '', headers, httpVersionMinor } = request
      const queryAt = url.indexOf('?')
      const route = url.slice(0, queryAt)
      const find = queryAt > 0 && request.method === 'GET' ? finders.get(route) : undefined
      if (find === undefined || httpVersionMinor !== 1 || headers.origin !== undefined) return false
      if (isClosing || app.isDraining) return false
      const startedMs = performance.now()
      const finding = find(request, url.slice(queryAt + 1))
      if (finding === null) return false
      finding.then((found) => {
        if (found === null) otherwise()
        else send(request, response, found, route, startedMs)
      }, otherwise)
      return true
    }

    function send(
      request: IncomingMessage,
      response: StandingResponse,
      { location, headers, lines, userId, sessionId }: ShortRedirect,
      route: string,
      startedMs: number
    ): void {
      const reqId = uuidv4()
      request.requestId = reqId
      response.statusCode = 303
      if (app.isDraining) response.shouldKeepAlive = false
      const head = heads.get(headers) ?? linesOf(response, headers)
      response.endReady(`${head}location: ${location}\r\n${lines}`, '', 'latin1')
      const ms = performance.now() - startedMs
      app.noteRequest({ reqId, method: 'GET', route, status: 303, ms, userId, sessionId })
    }

    function linesOf(response: StandingResponse, headers: ShortRedirect['headers']): string {
      const lines = response.linesWith(headers)
      heads.set(headers, lines)
      return lines
    }

    const { server } = app
    // The last one answers; whoever comes before only looks.
    const inner = (server.listeners('request') as RequestListener[]).at(-1)
    if (inner !== undefined && !isTraced) {
      server.removeListener('request', inner)
      server.on('request', (request, response) => {
        const otherwise = () => {
          inner.call(server, request, response)
        }
        if (!hasStandingHeaders(response) || !answer(request, response, otherwise)) otherwise()
      })
    }
    done()
  },
  { name: 'short-redirects', dependencies: ['short-paths', 'drain'], fastify: '5.x' }
)
