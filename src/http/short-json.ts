import type { IncomingMessage, RequestListener } from 'node:http'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { v4 as uuidv4 } from 'uuid'
import { HeldRequest } from './held-request.ts'
import { leaveWithOthers } from './leave-together.ts'
import type { ReadyAnswer, ShortPathsOptions } from './short-paths.ts'
import { hasStandingHeaders, type StandingResponse } from './standing-headers.ts'

/**
 * Does what a JSON body asks for, where all is well. Gives undefined for a body of another kind, and null where it
 * has done nothing: both go Fastify's way, where the route does it once more and says why. So does an error,
 * which the route throws by {@link FastifyInstance.rethrowShort}.
 */
export type AnswerJson = (body: Buffer) => Promise<Omit<ReadyAnswer, 'headers'> | null> | undefined

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers `POST path` with JSON, without a query, before Fastify's lifecycle: where it came with its head. */
    answerJsonShortly: (path: string, answer: AnswerJson) => void
    /** Throws what {@link AnswerJson} failed with for this request: it is not to be done again. */
    rethrowShort: (request: IncomingMessage) => void
  }
}

/** The longest body that is looked at here. */
const LIMIT_BYTES = 1_024
const JSON_TYPE = /^application\/json(; ?charset=utf-8)?$/i
const HEADERS = { 'content-type': 'application/json; charset=utf-8' }

export type ShortJsonOptions = ShortPathsOptions & {
  /** Whether this process has slept: the lifecycle reads first what it may have missed. */
  isFrozen: () => boolean
}

/** As the short paths for what is ready, for what has to be done first. */
export default fp<ShortJsonOptions>(
  (app: FastifyInstance, { isTraced, isFrozen }, done) => {
    const answers = new Map<string, AnswerJson>()
    const failures = new WeakMap<IncomingMessage, unknown>()
    let lines: string | undefined
    let isClosing = false
    app.decorate('answerJsonShortly', (path, answer) => {
      answers.set(path, answer)
    })
    app.decorate('rethrowShort', (request) => {
      if (failures.has(request)) throw failures.get(request)
    })
    app.addHook('preClose', (next) => {
      isClosing = true
      next()
    })

    function isPlain({ httpVersionMinor, headers }: IncomingMessage): boolean {
      if (httpVersionMinor !== 1 || headers.origin !== undefined) return false
      if (isClosing || app.isDraining || isFrozen()) return false
      return JSON_TYPE.test(headers['content-type'] ?? '')
    }

    /** @returns whether it will be answered, by `otherwise` if need be */
    function answer(
      request: IncomingMessage,
      response: StandingResponse,
      find: AnswerJson,
      otherwise: () => void
    ): boolean {
      const lengthBytes = Number(request.headers['content-length'] ?? 0)
      if (!(request instanceof HeldRequest) || !isPlain(request)) return false
      if (lengthBytes === 0 || lengthBytes > LIMIT_BYTES) return false
      const startedMs = performance.now()
      const goOn = () => {
        otherwise()
        request.letGo()
      }
      request.hold(lengthBytes, (body) => {
        const found = body === null ? undefined : find(body)
        if (found === undefined) goOn()
        else {
          found.then(
            (ready) => {
              if (ready === null) goOn()
              else send(request, response, ready, startedMs)
            },
            (error: unknown) => {
              failures.set(request, error)
              goOn()
            }
          )
        }
      })
      return true
    }

    function send(
      request: HeldRequest,
      response: StandingResponse,
      { body, userId, sessionId }: Omit<ReadyAnswer, 'headers'>,
      startedMs: number
    ): void {
      const { method = '', url: route = '' } = request
      const reqId = uuidv4()
      request.requestId = reqId
      request.discard()
      if (app.isDraining) response.shouldKeepAlive = false
      const head = (lines ??= response.linesWith(HEADERS))
      leaveWithOthers(() => {
        response.endReady(head, body, 'latin1')
        const ms = performance.now() - startedMs
        app.noteRequest({ reqId, method, route, status: 200, ms, userId, sessionId })
      })
    }

    const { server } = app
    const before = server.listeners('request').at(-1) as RequestListener | undefined
    if (before !== undefined && !isTraced) {
      server.removeListener('request', before)
      server.on('request', (request, response) => {
        const otherwise = () => {
          before.call(server, request, response)
        }
        const find = request.method === 'POST' ? answers.get(request.url ?? '') : undefined
        if (find === undefined || !hasStandingHeaders(response)) otherwise()
        else if (!answer(request, response, find, otherwise)) otherwise()
      })
    }
    done()
  },
  { name: 'short-json', dependencies: ['short-paths'], fastify: '5.x' }
)
