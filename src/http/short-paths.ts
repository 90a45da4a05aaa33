import type { IncomingMessage, RequestListener } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { v4 as uuidv4 } from 'uuid'
import { leaveWithOthers } from './leave-together.ts'
import { sendPrebuilt } from './prebuilt.ts'
import { hasStandingHeaders, type StandingResponse } from './standing-headers.ts'

/** A 200 that was made before. Its headers, in lower case, come beside those that stand on every answer. */
export type ReadyAnswer = {
  headers: Record<string, string>
  body: string
  /** Whom it is about, for the log. */
  userId?: string | undefined
  sessionId?: string | undefined
}

/** @returns undefined for what is not that plain: it goes Fastify's way, where the route says the same */
export type FindReady = (request: IncomingMessage) => ReadyAnswer | undefined

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers `GET path`, without a query, before Fastify's lifecycle begins. */
    answerShortly: (path: string, find: FindReady) => void
  }
}

type Head = { lines: string; encoding: 'latin1' | 'utf8' }

export type ShortPathsOptions = {
  /** Spans are made in Fastify's lifecycle: with a collector, everything goes through it. */
  isTraced: boolean
}

/**
 * What is asked most and is ready: a lifecycle of hooks would take longer than the answer. Each is logged and
 * counted like any other. Whatever could change it (an `Origin`, the drain, HTTP/1.0) leads to the lifecycle.
 */
export default fp<ShortPathsOptions>(
  (app: FastifyInstance, { isTraced }, done) => {
    const finders = new Map<string, FindReady>()
    const heads = new WeakMap<ReadyAnswer, Head>()
    let isClosing = false
    app.decorate('answerShortly', (path, find) => {
      finders.set(path, find)
    })
    app.addHook('preClose', (next) => {
      isClosing = true
      next()
    })

    function findReady(request: IncomingMessage): ReadyAnswer | undefined {
      if (request.method !== 'GET' || request.httpVersionMinor !== 1) return undefined
      const find = finders.get(request.url ?? '')
      if (find === undefined || request.headers.origin !== undefined) return undefined
      if (isClosing || app.isDraining) return undefined
      return find(request)
    }

    function answer(request: IncomingMessage, response: StandingResponse, ready: ReadyAnswer) {
      const startedMs = performance.now()
      const reqId = uuidv4()
      request.requestId = reqId
      const { lines, encoding } = heads.get(ready) ?? headOf(response, ready)
      leaveWithOthers(() => {
        response.endReady(lines, ready.body, encoding)
        app.noteRequest({
          reqId,
          method: 'GET',
          route: request.url ?? '',
          status: 200,
          ms: performance.now() - startedMs,
          userId: ready.userId,
          sessionId: ready.sessionId
        })
      })
    }

    function headOf(response: StandingResponse, ready: ReadyAnswer): Head {
      const isAscii = /^[\0-\x7f]*$/.test(ready.body)
      // In Latin-1 head and body leave as they are, in one write.
      const head: Head = {
        lines: response.linesWith(ready.headers),
        encoding: isAscii ? 'latin1' : 'utf8'
      }
      heads.set(ready, head)
      return head
    }

    const { server } = app
    const [lifecycle] = server.listeners('request') as RequestListener[]
    if (lifecycle !== undefined && !isTraced) {
      server.removeListener('request', lifecycle)
      server.on('request', (request, response) => {
        const ready = findReady(request)
        if (ready !== undefined && hasStandingHeaders(response)) answer(request, response, ready)
        else lifecycle.call(server, request, response)
      })
    }
    done()
  },
  { name: 'short-paths', dependencies: ['request-log', 'drain'], fastify: '5.x' }
)

/** The same within the lifecycle. */
export function sendReady(reply: FastifyReply, { headers, body }: ReadyAnswer): FastifyReply {
  return sendPrebuilt(reply.headers(headers), body, headers['content-type'])
}
