import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { MessageAnswer } from '../accounts/schemas.ts'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import type { OutboxEntry } from './outbox-admin-store.ts'
import type { OutboxAdmin } from './outbox-admin.ts'
import {
  limitOf,
  OutboxAnswer,
  OutboxParams,
  OutboxQuery,
  type OutboxEntryBody
} from './schemas.ts'

export type OutboxRoutesOptions = { outboxAdmin: OutboxAdmin }

const config = { access: 'admin' } as const
const tagged = { tags: ['administration'], security: [{ bearer: [] }] }

export const outboxRoutes: FastifyPluginCallbackTypebox<OutboxRoutesOptions> = (
  app,
  { outboxAdmin },
  done
) => {
  app.get(
    '/admin/outbox',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Messages that are not sent, the newest first; not whom they are for',
        querystring: OutboxQuery,
        response: { 200: OutboxAnswer, ...problems(401, 403, 422) }
      }
    },
    async (request) => {
      const { limit, cursor, state, kind } = request.query
      const size = limitOf(limit)
      const entries = await outboxAdmin.list({
        limit: size,
        ...(cursor !== undefined && { before: cursor }),
        ...(state !== undefined && { state }),
        ...(kind !== undefined && { kind })
      })
      const next = entries.length === size ? (entries.at(-1)?.id ?? null) : null
      return { messages: entries.map(toWire), next_cursor: next }
    }
  )

  app.post(
    '/admin/outbox/:id/retry',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Send a parked message again, now',
        params: OutboxParams,
        response: { 200: MessageAnswer, ...problems(400, 401, 403, 404, 409, 413, 415, 422) }
      }
    },
    async (request) => {
      await outboxAdmin.retry(actOn(request, request.params.id))
      return { message: 'It will be sent again.' }
    }
  )

  app.delete(
    '/admin/outbox/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Delete a message that is not sent',
        params: OutboxParams,
        response: { 200: MessageAnswer, ...problems(400, 401, 403, 404, 413, 415, 422) }
      }
    },
    async (request) => {
      await outboxAdmin.remove(actOn(request, request.params.id))
      return { message: 'It is deleted.' }
    }
  )

  done()
}

function actOn(request: FastifyRequest, id: string) {
  return { adminId: principalOf(request).user.id, id, origin: originOf(request) }
}

function toWire(entry: OutboxEntry): Static<typeof OutboxEntryBody> {
  return {
    id: entry.id,
    kind: entry.kind,
    topic: entry.topic,
    state: entry.state,
    attempts: entry.attempts,
    last_error: entry.lastError,
    created_at: entry.createdAt.toISOString(),
    next_attempt_at: entry.nextAttemptAt?.toISOString() ?? null,
    expires_at: entry.expiresAt.toISOString(),
    parked_at: entry.parkedAt?.toISOString() ?? null
  }
}
