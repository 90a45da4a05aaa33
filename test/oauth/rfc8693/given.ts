import type { NewClientBody } from '../../../src/oauth/client-metadata.ts'
import type { TestApp } from '../../support/app.ts'
import {
  basic,
  givenClient,
  givenCode,
  postForm,
  redeem,
  type TestClient
} from '../../support/oauth.ts'

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
export const STOCK = 'https://stock.example'

/** A service that is called with tokens, and calls another one on. */
export async function givenGateway(
  app: TestApp,
  metadata: Partial<NewClientBody> = {}
): Promise<TestClient> {
  return givenClient(app, {
    client_name: 'Gateway',
    redirect_uris: [],
    grant_types: [EXCHANGE, 'client_credentials'],
    scope: 'openid orders:read orders:write stock:read',
    audiences: [STOCK],
    ...metadata
  })
}

/** An application whose tokens are for the gateway. */
export async function givenShop(
  app: TestApp,
  gateway: TestClient,
  metadata: Partial<NewClientBody> = {}
): Promise<TestClient> {
  return givenClient(app, {
    scope: 'openid orders:read orders:write offline_access admin',
    audiences: [gateway.id],
    ...metadata
  })
}

/** The tokens of somebody who let the shop in, and who that is. */
export async function givenTokens(
  app: TestApp,
  shop: TestClient,
  scope = 'orders:read orders:write'
) {
  const grant = await givenCode(app, shop, { scope })
  const answer = await redeem(app, shop, grant)
  if (answer.statusCode !== 200) throw new Error(`redeem: ${answer.body}`)
  const { access_token: token, refresh_token: refreshToken, id_token: idToken } = answer.json()
  return {
    ...grant,
    token: String(token),
    refreshToken: String(refreshToken),
    idToken: String(idToken)
  }
}

/** Trades a token. */
export async function exchange(
  app: TestApp,
  client: TestClient,
  token: string,
  more: Record<string, string> = {},
  headers: Record<string, string> = {}
) {
  const form = {
    grant_type: EXCHANGE,
    subject_token: token,
    subject_token_type: ACCESS_TOKEN,
    ...more
  }
  return postForm(app, '/oauth/token', form, { ...basic(client), ...headers })
}

/** A client's own token. */
export async function ownToken(
  app: TestApp,
  client: TestClient,
  headers: Record<string, string> = {}
) {
  const form = { grant_type: 'client_credentials' }
  const answer = await postForm(app, '/oauth/token', form, { ...basic(client), ...headers })
  if (answer.statusCode !== 200) throw new Error(`own token: ${answer.body}`)
  return String(answer.json().access_token)
}
