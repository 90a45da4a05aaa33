import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { MessageAnswer } from '../accounts/schemas.ts'
import { AUDIT_EVENTS } from '../audit/events.ts'
import { problems } from '../http/schemas.ts'
import { actOf, deliveryRoutes } from './delivery-routes.ts'
import { toWireDelivery } from './delivery.ts'
import { toWireWebhook } from './endpoint.ts'
import {
  EventsAnswer,
  NewWebhook,
  WebhookAnswer,
  WebhookDetailAnswer,
  WebhookParams,
  WebhooksAnswer,
  WebhookSettings,
  WebhookWithSecretAnswer
} from './schemas.ts'
import type { Webhooks } from './webhooks.ts'

export type WebhookRoutesOptions = { webhooks: Webhooks }

const config = { access: 'admin' } as const
const tagged = { tags: ['webhooks'], security: [{ bearer: [] }] }

export const webhookRoutes: FastifyPluginAsyncTypebox<WebhookRoutesOptions> = async (
  app,
  { webhooks }
) => {
  app.get(
    '/admin/webhook-events',
    {
      config,
      schema: {
        ...tagged,
        summary: 'The events that there are',
        response: { 200: EventsAnswer, ...problems(401, 403) }
      }
    },
    () => ({
      events: Object.entries(AUDIT_EVENTS).map(([type, description]) => ({ type, description }))
    })
  )

  app.post(
    '/admin/webhooks',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Tell events to a URL; the answer shows the secret, this once',
        body: NewWebhook,
        response: {
          201: WebhookWithSecretAnswer,
          ...problems(400, 401, 403, 409, 413, 415, 422)
        }
      }
    },
    async (request, reply) => {
      const settings = { enabled: true, ...request.body }
      const { endpoint, secret } = await webhooks.create(actOf(request), settings)
      return reply.code(201).send({ webhook: toWireWebhook(endpoint), secret })
    }
  )

  app.get(
    '/admin/webhooks',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Every endpoint, the oldest first',
        response: { 200: WebhooksAnswer, ...problems(401, 403) }
      }
    },
    async () => ({ webhooks: (await webhooks.list()).map(toWireWebhook) })
  )

  app.get(
    '/admin/webhooks/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'One endpoint, with what became of the newest events',
        params: WebhookParams,
        response: { 200: WebhookDetailAnswer, ...problems(401, 403, 404, 422) }
      }
    },
    async (request) => {
      const { endpoint, deliveries } = await webhooks.show(request.params.id)
      return { webhook: toWireWebhook(endpoint), deliveries: deliveries.map(toWireDelivery) }
    }
  )

  app.put(
    '/admin/webhooks/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Change where to, what, and whether',
        params: WebhookParams,
        body: WebhookSettings,
        response: { 200: WebhookAnswer, ...problems(400, 401, 403, 404, 413, 415, 422) }
      }
    },
    async (request) => {
      const endpoint = await webhooks.change(actOf(request), request.params.id, request.body)
      return { webhook: toWireWebhook(endpoint) }
    }
  )

  app.delete(
    '/admin/webhooks/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Remove an endpoint; what waits for it is not sent',
        params: WebhookParams,
        response: { 200: MessageAnswer, ...problems(400, 401, 403, 404, 413, 415, 422) }
      }
    },
    async (request) => {
      await webhooks.remove(actOf(request), request.params.id)
      return { message: 'The endpoint is removed.' }
    }
  )

  app.post(
    '/admin/webhooks/:id/rotate-secret',
    {
      config,
      schema: {
        ...tagged,
        summary: 'A new secret; the one until now signs too for 24 hours',
        params: WebhookParams,
        response: { 200: WebhookWithSecretAnswer, ...problems(400, 401, 403, 404, 413, 415, 422) }
      }
    },
    async (request) => {
      const { endpoint, secret } = await webhooks.rotateSecret(actOf(request), request.params.id)
      return { webhook: toWireWebhook(endpoint), secret }
    }
  )

  await app.register(deliveryRoutes, { webhooks })
}
