import type { NewClientBody } from '../../src/oauth/client-metadata.ts'
import type { DeviceAnswer } from '../../src/oauth/device/device-authorization.ts'
import type { TestApp } from './app.ts'
import { givenUser } from './builders.ts'
import {
  basic,
  givenClient,
  openBrowser,
  postForm,
  type TestBrowser,
  type TestClient
} from './oauth.ts'

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** A television: it keeps no secret. */
export async function givenDeviceClient(
  app: TestApp,
  metadata: Partial<NewClientBody> = {}
): Promise<TestClient> {
  return givenClient(app, {
    client_name: 'Television',
    redirect_uris: [],
    token_endpoint_auth_method: 'none',
    grant_types: [DEVICE_GRANT, 'refresh_token'],
    ...metadata
  })
}

/** What the client proves itself with: a form's fields, and headers. */
function proofOf(client: TestClient) {
  return client.secret === null
    ? { fields: { client_id: client.id }, headers: {} }
    : { fields: {}, headers: basic(client) }
}

/** Asks for codes. */
export async function askForCodes(
  app: TestApp,
  client: TestClient,
  form: Record<string, string> = {}
) {
  const { fields, headers } = proofOf(client)
  return postForm(app, '/oauth/device_authorization', { ...fields, ...form }, headers)
}

/** A device that shows a code. */
export async function givenDevice(
  app: TestApp,
  client: TestClient,
  form: Record<string, string> = {}
): Promise<DeviceAnswer> {
  const answer = await askForCodes(app, client, { scope: 'openid', ...form })
  if (answer.statusCode !== 200) throw new Error(`device: ${answer.body}`)
  return answer.json<DeviceAnswer>()
}

/** Asks whether somebody has agreed. */
export async function poll(
  app: TestApp,
  client: TestClient,
  deviceCode: string,
  more: Record<string, string> = {},
  moreHeaders: Record<string, string> = {}
) {
  const { fields, headers } = proofOf(client)
  return postForm(
    app,
    '/oauth/token',
    { grant_type: DEVICE_GRANT, device_code: deviceCode, ...fields, ...more },
    { ...headers, ...moreHeaders }
  )
}

/** Somebody, and the browser in which they are logged in. */
export async function givenPerson(app: TestApp) {
  const user = await givenUser(app)
  const browser = openBrowser(app)
  await browser.login(user)
  return { user, browser }
}

export async function decide(
  browser: TestBrowser,
  userCode: string,
  decision: 'allow' | 'deny' = 'allow'
) {
  return browser.post('/device/decide', { user_code: userCode, decision })
}
