import type { GuessLimit } from '../../abuse/guess-limit.ts'
import type { RequestOrigin } from '../../audit/events.ts'
import type { Audit } from '../../audit/record.ts'
import { OAuthError } from '../../errors.ts'
import type { Postgres } from '../../platform/postgres.ts'
import type { BrowserSession } from '../../sessions/browser-sessions.ts'
import type { Client } from '../client.ts'
import type { ConsentStore } from '../consent-store.ts'
import { grantAudience, listOf } from '../resources.ts'
import { grantScopes, parseScope } from '../scopes.ts'
import { DEVICE_CODE_SECONDS, POLL_INTERVAL_SECONDS, type DeviceStore } from './device-store.ts'

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** RFC 8628 §3.2. Times are seconds. */
export type DeviceAnswer = {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval: number
}

/** What a person is asked at the page. */
export type DeviceQuestion = { client: Client; scopes: string[] }

export type DeviceAuthorization = ReturnType<typeof createDeviceAuthorization>

export type DeviceAuthorizationDeps = {
  postgres: Postgres
  store: DeviceStore
  consents: ConsentStore
  record: Audit
  findClient: (id: string) => Promise<Client | null>
  /** Wrong user codes per person. */
  limitGuesses: GuessLimit
  issuer: string
}

/** Devices that have no browser: they show a code, and their person types it in another place (RFC 8628). */
export function createDeviceAuthorization(deps: DeviceAuthorizationDeps) {
  const { postgres, store, consents, record, findClient, limitGuesses, issuer } = deps

  /** §3.1. @throws {OAuthError} */
  async function begin(
    client: Client,
    form: { scope?: string | undefined; resource?: string | string[] | undefined }
  ): Promise<DeviceAnswer> {
    if (!client.grantTypes.includes(DEVICE_GRANT)) {
      throw new OAuthError('unauthorized_client', 'The client may not use device codes.')
    }
    const { deviceCode, userCode } = await store.create({
      clientId: client.id,
      scope: grantScopes(client, parseScope(form.scope), true).join(' '),
      audience: grantAudience(client, listOf(form.resource))
    })
    return {
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: `${issuer}/device`,
      verification_uri_complete: `${issuer}/device?user_code=${userCode}`,
      expires_in: DEVICE_CODE_SECONDS,
      interval: POLL_INTERVAL_SECONDS
    }
  }

  /**
   * What the code on a device stands for; looking decides nothing.
   * @returns null for a code that is wrong, used or too old
   * @throws {ProblemError} `too_many_attempts` after five of them in an hour (§5.1)
   */
  async function question(typed: string, { user }: BrowserSession): Promise<DeviceQuestion | null> {
    return limitGuesses(user.id, async () => {
      const request = await store.findUndecided(typed)
      const client = request === null ? null : await findClient(request.clientId)
      if (request === null || client === null) return null
      return { client, scopes: parseScope(request.scope) }
    })
  }

  /**
   * What the person decided: once, whoever else decides at the same time. A yes is remembered as consent
   * until it is taken back, but the next device is asked about again.
   * @returns null as {@link question}
   */
  async function decide(
    typed: string,
    session: BrowserSession,
    isApproved: boolean,
    origin: RequestOrigin
  ): Promise<{ isApproved: boolean } | null> {
    const { id: parentId, user } = session
    const userId = user.id
    return limitGuesses(userId, () =>
      postgres.transaction(async (tx) => {
        const request = await store.decide(tx, typed, { userId, parentId, isApproved })
        if (request === null) return null
        const { clientId } = request
        const type = isApproved ? 'device.approved' : 'device.denied'
        await record(tx, { type, origin, userId, sessionId: parentId, clientId })
        const scopes = parseScope(request.scope)
        if (isApproved) await consents.give(tx, { userId, clientId, scopes }, origin)
        return { isApproved }
      })
    )
  }

  return { begin, question, decide }
}
