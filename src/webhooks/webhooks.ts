import { ProblemError, UnavailableError, validationFailed } from '../errors.ts'
import { OutboundError, type OutboundGuard, type OutboundReason } from '../platform/outbound.ts'
import type { DeliveryView } from './delivery.ts'
import type { DeliveryStore } from './delivery-store.ts'
import type { Endpoint, EndpointSettings, WebhookAct } from './endpoint.ts'
import { MAX_ENDPOINTS, type EndpointStore } from './endpoint-store.ts'
import { isKnownFilter } from './event-filter.ts'
import type { Replayed, ReplayRange, ReplayStore } from './replay-store.ts'
import { newWebhookSecret } from './signature.ts'

const RECENT_DELIVERIES = 50

/** What is sent again: one event, or those of a time. */
export type ReplayWish = { eventId: string } | ReplayRange

export type Webhooks = ReturnType<typeof createWebhooks>

export type WebhooksDeps = {
  endpoints: EndpointStore
  deliveries: Pick<DeliveryStore, 'findRecent'>
  replays: ReplayStore
  checkUrl: OutboundGuard['check']
}

/** What an administrator does with endpoints. */
export function createWebhooks({ endpoints, deliveries, replays, checkUrl }: WebhooksDeps) {
  /** @returns the endpoint and its secret, which is shown this once */
  async function create(
    act: WebhookAct,
    settings: EndpointSettings
  ): Promise<{ endpoint: Endpoint; secret: string }> {
    await requireUsable(settings)
    const secret = newWebhookSecret()
    const endpoint = await endpoints.create(act, settings, secret)
    if (endpoint === null) {
      const detail = `There are ${MAX_ENDPOINTS} endpoints, which is as many as there may be.`
      throw new ProblemError('too_many_webhooks', detail)
    }
    return { endpoint, secret }
  }

  /** @throws {ProblemError} `not_found` */
  async function show(id: string): Promise<{ endpoint: Endpoint; deliveries: DeliveryView[] }> {
    const endpoint = existing(await endpoints.find(id))
    return { endpoint, deliveries: await deliveries.findRecent(id, RECENT_DELIVERIES) }
  }

  async function change(
    act: WebhookAct,
    id: string,
    settings: EndpointSettings
  ): Promise<Endpoint> {
    await requireUsable(settings)
    return existing(await endpoints.change(act, id, settings))
  }

  async function remove(act: WebhookAct, id: string): Promise<void> {
    if (!(await endpoints.remove(act, id))) throw noSuchWebhook()
  }

  /** @returns the new secret, which is shown this once */
  async function rotateSecret(
    act: WebhookAct,
    id: string
  ): Promise<{ endpoint: Endpoint; secret: string }> {
    const secret = newWebhookSecret()
    return { endpoint: existing(await endpoints.rotateSecret(act, id, secret)), secret }
  }

  /** @throws {ProblemError} `webhook_disabled`, and `not_found` for an event that is not there */
  async function replay(act: WebhookAct, id: string, wish: ReplayWish): Promise<Replayed> {
    await requireEnabled(id)
    if (!('eventId' in wish)) return replays.replayRange(act, id, wish)
    const replayed = await replays.replayEvent(act, id, wish.eventId)
    if (replayed === null) throw new ProblemError('not_found', 'There is no such event.')
    return replayed
  }

  /** @returns the id of the event that was made for the test */
  async function test(act: WebhookAct, id: string): Promise<string> {
    await requireEnabled(id)
    return replays.test(act, id)
  }

  async function requireEnabled(id: string): Promise<void> {
    if (existing(await endpoints.find(id)).enabled) return
    throw new ProblemError('webhook_disabled', 'Enable the endpoint first.')
  }

  async function requireUsable({ url, events }: EndpointSettings): Promise<void> {
    const unknown = events.findIndex((filter) => !isKnownFilter(filter))
    if (unknown >= 0) throw validationFailed(`events/${unknown}`, 'names no event that exists')
    try {
      await checkUrl(url)
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
      if (error.reason === 'timeout') throw new UnavailableError('a name was not looked up', error)
      throw validationFailed('url', URL_PROBLEMS[error.reason])
    }
  }

  return { create, list: endpoints.list, show, change, remove, rotateSecret, replay, test }
}

const URL_PROBLEMS: Record<Exclude<OutboundReason, 'timeout'>, string> = {
  refused_url:
    'must be an https URL on port 443 without credentials, or OUTBOUND_ALLOWED_HOSTS must list its host:port',
  refused_address:
    'must lead to a public address, or OUTBOUND_ALLOWED_HOSTS must list its host:port',
  unreachable: 'names a host that was not found just now',
  too_large: 'cannot be used'
}

function existing(endpoint: Endpoint | null): Endpoint {
  if (endpoint === null) throw noSuchWebhook()
  return endpoint
}

function noSuchWebhook(): ProblemError {
  return new ProblemError('not_found', 'There is no such endpoint.')
}
