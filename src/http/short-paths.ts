import type { IncomingMessage, RequestListener } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { v4 as uuidv4 } from 'uuid'
import { HeldRequest } from './held-request.ts'
import { leaveWithOthers } from './leave-together.ts'
import { plainFormBytes } from './plain-form.ts'
import { sendPrebuilt } from './prebuilt.ts'
import { hasStandingHeaders, type StandingResponse } from './standing-headers.ts'

/** A 200. Its headers, in lower case, come beside those that stand on every answer. */
export type ReadyAnswer = {
  /** The same object for answers that have the same: their text is made once for it. */
  headers: Record<string, string>
  body: string
  /** Whom it is about, for the log. */
  userId?: string | undefined
  sessionId?: string | undefined
}

/** @returns undefined for what is not that plain: it goes Fastify's way, where the route says the same */
export type FindReady = (request: IncomingMessage) => ReadyAnswer | undefined

/**
 * The same for a form.
 * @returns a promise where something has to be made for it; where that fails, the route does it once more and says why
 */
export type FindReadyForForm = (
  request: IncomingMessage,
  body: Buffer
) => ReadyAnswer | Promise<ReadyAnswer> | undefined

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers `GET path`, without a query, before Fastify's lifecycle begins. */
    answerShortly: (path: string, find: FindReady) => void
    /** Answers `POST path` with a form, without a query, the same way: where it came with its head. */
    answerFormShortly: (path: string, find: FindReadyForForm) => void
  }
}

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
    const formFinders = new Map<string, FindReadyForForm>()
    const heads = new WeakMap<ReadyAnswer['headers'], string>()
    let isClosing = false
    app.decorate('answerShortly', (path, find) => {
      finders.set(path, find)
    })
    app.decorate('answerFormShortly', (path, find) => {
      formFinders.set(path, find)
    })
    app.addHook('preClose', (next) => {
      isClosing = true
      next()
    })

    /** A form is read first: where it is answered at all, this is done with it. @returns whether it will be */
    function answerForm(
      request: HeldRequest,
      response: StandingResponse,
      otherwise: () => void
    ): boolean {
      const find = formFinders.get(request.url ?? '')
      const lengthBytes = find === undefined ? 0 : plainFormBytes(request.headers)
      if (find === undefined || lengthBytes === 0) return false
      const startedMs = performance.now()
      const giveUp = () => {
        otherwise()
        request.letGo()
      }
      const send = (ready: ReadyAnswer) => {
        request.discard()
        answer(request, response, ready, startedMs)
      }
      request.hold(lengthBytes, (body) => {
        const found = body === null ? undefined : find(request, body)
        if (found === undefined) giveUp()
        else if (found instanceof Promise) found.then(send, giveUp)
        else send(found)
      })
      return true
    }

    function answer(
      request: IncomingMessage,
      response: StandingResponse,
      { headers, body, userId, sessionId }: ReadyAnswer,
      startedMs: number
    ) {
      const { method = '', url: route = '' } = request
      const reqId = (request.requestId ??= uuidv4())
      // It was asked before the drain began, and has to be signed.
      if (app.isDraining || isClosing) response.shouldKeepAlive = false
      const lines = heads.get(headers) ?? linesOf(response, headers)
      // In Latin-1 head and body leave as they are, in one write.
      const isAscii = Buffer.byteLength(body) === body.length
      leaveWithOthers(() => {
        response.endReady(lines, body, isAscii ? 'latin1' : 'utf8')
        const ms = performance.now() - startedMs
        app.noteRequest({ reqId, method, route, status: 200, ms, userId, sessionId })
      })
    }

    function linesOf(response: StandingResponse, headers: ReadyAnswer['headers']): string {
      const lines = response.linesWith(headers)
      heads.set(headers, lines)
      return lines
    }

    const { server } = app
    const [lifecycle] = server.listeners('request') as RequestListener[]
    if (lifecycle !== undefined && !isTraced) {
      server.removeListener('request', lifecycle)
      server.on('request', (request, response) => {
        const otherwise = () => {
          lifecycle.call(server, request, response)
        }
        const { method, httpVersionMinor, headers, url = '' } = request
        const isPlain = httpVersionMinor === 1 && headers.origin === undefined
        if (!isPlain || isClosing || app.isDraining || !hasStandingHeaders(response)) otherwise()
        else if (method === 'GET') {
          const startedMs = performance.now()
          const ready = finders.get(url)?.(request)
          if (ready === undefined) otherwise()
          else answer(request, response, ready, startedMs)
        } else if (method === 'POST' && request instanceof HeldRequest) {
          if (!answerForm(request, response, otherwise)) otherwise()
        } else otherwise()
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
