import { hostname } from 'node:os'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { logStream } from './log-stream.ts'
import { hasStandingHeaders } from './standing-headers.ts'

/** What is told of an answered request. `ms` is how long it took. */
export type AnsweredRequest = {
  reqId: string
  method: string
  /** The template, never the URL: a query may hold a token. */
  route: string
  status: number
  ms: number
  refusal?: string | undefined
  userId?: string | undefined
  sessionId?: string | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Logs and counts what was answered without Fastify's hooks, which do so for every other request. */
    noteRequest: (request: AnsweredRequest) => void
  }
  interface FastifyRequest {
    /** Whose request it turned out to be, where no access token said so before. */
    who: { userId: string | undefined; sessionId: string | undefined } | null
  }
}

const INFO = 30
/** As Pino begins and ends its lines. */
const FROM = `,"pid":${process.pid},"hostname":${JSON.stringify(hostname())},"reqId":"`
const END = ',"msg":"request"}\n'

/** One line a request: written by hand, for Pino takes three times as long for so plain a one. */
export default fp(
  (app: FastifyInstance, _options, done) => {
    // Pino keeps the number of its level, Fastify's types do not.
    const log = app.log as unknown as { readonly levelVal: number }
    app.decorate('noteRequest', (request) => {
      app.countRequest(request)
      if (log.levelVal <= INFO) logStream.write(lineOf(request))
    })
    app.decorateRequest('who', null)
    app.addHook('onResponse', (request, reply, next) => {
      const { id, method, routeOptions, principal, who } = request
      app.noteRequest({
        reqId: id,
        method,
        route: routeOptions.url ?? 'none',
        status: reply.statusCode,
        ms: reply.elapsedTime,
        refusal: request.refusal ?? undefined,
        userId: principal?.user.id ?? who?.userId,
        sessionId: principal?.sessionId ?? who?.sessionId
      })
      next()
    })
    app.addHook('onRequest', (request, reply, next) => {
      if (!hasStandingHeaders(reply.raw)) reply.header('x-request-id', request.id)
      next()
    })
    done()
  },
  { name: 'request-log', dependencies: ['request-metrics'], fastify: '5.x' }
)

function lineOf(request: AnsweredRequest): string {
  const { reqId, method, route, status, ms, refusal, userId, sessionId } = request
  return (
    `{"level":${INFO},"time":${Date.now()}${FROM}${reqId}","method":"${method}","route":"${route}"` +
    `,"status":${status},"ms":${Math.round(ms * 10) / 10}` +
    said('refusal', refusal) +
    said('userId', userId) +
    said('sessionId', sessionId) +
    END
  )
}

function said(name: string, text: string | undefined): string {
  return text === undefined ? '' : `,"${name}":${JSON.stringify(text)}`
}
