import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { validationFailed } from '../errors.ts'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import type { WebhookAct } from './endpoint.ts'
import { ReplayAnswer, ReplayBody, TestAnswer, WebhookParams } from './schemas.ts'
import type { ReplayWish, Webhooks } from './webhooks.ts'

export type DeliveryRoutesOptions = { webhooks: Webhooks }

const config = { access: 'admin' } as const
const tagged = { tags: ['webhooks'], security: [{ bearer: [] }] }

export const deliveryRoutes: FastifyPluginCallbackTypebox<DeliveryRoutesOptions> = (
  app,
  { webhooks },
  done
) => {
  app.post(
    '/admin/webhooks/:id/replay',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Send events again, from the audit trail',
        params: WebhookParams,
        body: ReplayBody,
        response: { 200: ReplayAnswer, ...problems(400, 401, 403, 404, 409, 413, 415, 422) }
      }
    },
    async (request) => {
      const { id } = request.params
      const { events, nextSince } = await webhooks.replay(actOf(request), id, wishOf(request.body))
      return { events, next_since: nextSince?.toISOString() ?? null }
    }
  )

  app.post(
    '/admin/webhooks/:id/test',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Send an event of the type webhook.tested',
        params: WebhookParams,
        response: { 200: TestAnswer, ...problems(400, 401, 403, 404, 409, 413, 415, 422) }
      }
    },
    async (request) => ({ event_id: await webhooks.test(actOf(request), request.params.id) })
  )

  done()
}

/** Who asks for it. */
export function actOf(request: FastifyRequest): WebhookAct {
  return { adminId: principalOf(request).user.id, origin: originOf(request) }
}

/** @throws {ProblemError} `validation_failed` unless it is exactly one of the two ways */
function wishOf(body: Static<typeof ReplayBody>): ReplayWish {
  const { event_id: eventId, since, until } = body
  if (eventId !== undefined && since === undefined && until === undefined) return { eventId }
  if (eventId !== undefined || since === undefined) {
    throw validationFailed('', 'takes either event_id or since, with or without until')
  }
  return {
    since: timeOf('since', since),
    until: until === undefined ? null : timeOf('until', until)
  }
}

/** RFC 3339 knows times that `Date` and Postgres do not, such as leap seconds and the year 0. */
function timeOf(field: string, text: string): Date {
  const time = new Date(text)
  if (time.getTime() >= 0) return time
  throw validationFailed(field, 'must be a time since 1970')
}
