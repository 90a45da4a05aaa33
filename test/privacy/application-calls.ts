import type { TestApp } from '../support/app.ts'
import { freshEmail, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import { assertionForm, clientAssertion, givenKey, requestObject } from '../support/client-keys.ts'
import { decide, givenDevice, givenDeviceClient, poll } from '../support/device.ts'
import { givenDpopKey } from '../support/dpop.ts'
import {
  authorizeUrl,
  givenClient,
  givenCode,
  openBrowser,
  postForm,
  redeem,
  REDIRECT_URI,
  type TestBrowser
} from '../support/oauth.ts'
import { pkceUrl, postAs, refreshAs, requestIdOf } from '../support/oauth-grants.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

/** Every page and every endpoint of OAuth, used as people and applications use them, with `canary` in every free text. */
export async function callApplications(app: TestApp, canary: string): Promise<void> {
  const person = await registerAtPages(app, canary)
  await grantAndReturn(app, person, canary)
  await pushAndProve(app, person, canary)
  await letDeviceIn(app, person)
  await registerClient(app, canary)
  await lookAfterAccount(app, person, canary)
}

type Person = Awaited<ReturnType<typeof registerAtPages>>

async function registerAtPages(app: TestApp, canary: string) {
  const email = `${canary}-page-${freshEmail()}`
  const browser = openBrowser(app)
  for (const page of ['/', '/register', '/register/mail', '/login', '/forgot-password', '/error']) {
    await browser.get(page)
  }
  const passwords = { password: PASSWORD, confirm_password: PASSWORD }
  const registered = await browser.post('/register', {
    name: `${canary}-name`,
    email,
    ...passwords
  })
  if (registered.statusCode !== 303) throw new Error(`register: ${registered.body}`)
  const { token } = secretsOf(await mailTo(app, email))
  await browser.get(`/verify-email?token=${token}`)
  await browser.post('/verify-email', { token })

  await browser.post('/forgot-password', { email })
  const reset = secretsOf(await mailTo(app, email, /eset/))
  await browser.get(`/reset-password?token=${reset.token}`)
  const password = `${PASSWORD}-${canary}`
  const answer = await browser.post('/reset-password', {
    token: reset.token,
    new_password: password
  })
  if (answer.statusCode >= 400) throw new Error(`reset: ${answer.statusCode} ${answer.body}`)
  const user = { id: '', email, password }
  await browser.login({ ...user, password: `${canary}-wrong-password` })
  await browser.login(user)
  return { browser, user }
}

/** Codes, tokens and what may be done with them, to the end of the session at the application. */
async function grantAndReturn(app: TestApp, { browser, user }: Person, canary: string) {
  const shop = await givenClient(app, {
    grant_types: ['authorization_code', 'refresh_token', EXCHANGE],
    post_logout_redirect_uris: [`${REDIRECT_URI}/bye`],
    resource_server: true
  })
  const asked = { state: `${canary}-state`, nonce: `${canary}-nonce`, login_hint: user.email }
  await openBrowser(app).follow(authorizeUrl(shop, asked))
  await allow(browser, pkceUrl(shop, { ...asked, prompt: 'consent' }))
  await postForm(
    app,
    '/oauth/authorize',
    Object.fromEntries(new URL(pkceUrl(shop, asked), 'http://x').searchParams)
  )
  const scope = 'openid email profile offline_access'
  const grant = await givenCode(app, shop, { ...asked, scope }, { browser, user })
  await redeem(app, shop, { ...grant, verifier: `${canary}-${grant.verifier}` })
  const again = await givenCode(app, shop, { ...asked, scope }, { browser, user })
  const tokens = (await redeem(app, shop, again)).json()
  const renewed = (await refreshAs(app, shop, tokens.refresh_token)).json()
  const bearer = { authorization: `Bearer ${renewed.access_token}` }
  await app.get('/oauth/userinfo', renewed.access_token)
  await postForm(app, '/oauth/userinfo', {}, bearer)
  await postAs(app, shop, '/oauth/introspect', { token: renewed.access_token })
  await postAs(app, shop, '/oauth/token', {
    grant_type: EXCHANGE,
    subject_token: renewed.access_token,
    subject_token_type: ACCESS_TOKEN_TYPE
  })
  await postAs(app, shop, '/oauth/revoke', { token: renewed.refresh_token })
  const logout = { id_token_hint: tokens.id_token, state: `${canary}-logout` }
  await postForm(app, '/oauth/logout', logout)
  await browser.get(`/oauth/logout?${new URLSearchParams(logout).toString()}`)
  await browser.post('/oauth/logout/confirm', logout)
}

/** The way by the consent page and back. */
async function allow(browser: TestBrowser, url: string): Promise<void> {
  const { url: page } = await browser.follow(url)
  const request = requestIdOf(page)
  await browser.get(`/oauth/authorize/resume?request=${request}`)
  await browser.post('/consent', { request, decision: 'allow' })
}

/** Pushed and signed requests, assertions, DPoP. */
async function pushAndProve(app: TestApp, { browser }: Person, canary: string) {
  const key = await givenKey()
  const dpop = await givenDpopKey()
  const client = await givenClient(app, {
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key.jwk] }
  })
  const proven = async () => assertionForm(await clientAssertion(app, client, key))
  const url = new URL(pkceUrl(client, { state: `${canary}-pushed` }), 'http://x')
  const request = await requestObject(app, client, key, Object.fromEntries(url.searchParams))
  const pushed = await postForm(app, '/oauth/par', { request, ...(await proven()) })
  const { request_uri: uri } = pushed.json()
  await browser.get(authorizeUrl(client, { request_uri: uri }))
  const form = { grant_type: 'client_credentials', ...(await proven()) }
  await postForm(app, '/oauth/token', form, { dpop: await dpop.prove('/oauth/token') })
}

async function letDeviceIn(app: TestApp, { browser }: Person) {
  const television = await givenDeviceClient(app)
  const codes = await givenDevice(app, television)
  await browser.get('/device')
  await browser.get(`/device?user_code=${codes.user_code}`)
  await browser.post('/device', { user_code: codes.user_code })
  await decide(browser, codes.user_code)
  await poll(app, television, codes.device_code)
}

/** RFC 7591 and RFC 7592. */
async function registerClient(app: TestApp, canary: string) {
  const body = { client_name: `${canary}-client`, redirect_uris: [`${REDIRECT_URI}/${canary}`] }
  const told = (await app.post('/oauth/register', body)).json()
  const url = `/oauth/register/${told.client_id as string}`
  const headers = { authorization: `Bearer ${told.registration_access_token}` }
  const own = (await app.app.inject({ url, headers })).json()
  const {
    registration_client_uri: _uri,
    registration_access_token: _token,
    client_id_issued_at: _issuedAt,
    client_secret_expires_at: _expiresAt,
    ...metadata
  } = own
  const payload = { ...metadata, client_name: `${canary}-renamed` }
  const changed = await app.app.inject({ method: 'PUT', url, headers, payload })
  if (changed.statusCode !== 200) throw new Error(`register: ${changed.body}`)
  const { registration_access_token: next = told.registration_access_token } = changed.json()
  await app.app.inject({ method: 'DELETE', url, headers: { authorization: `Bearer ${next}` } })
}

async function lookAfterAccount(app: TestApp, { browser, user }: Person, canary: string) {
  await browser.login(user)
  const here = openBrowser(app)
  await here.login(user)
  const page = await browser.get('/account')
  if (page.statusCode !== 200) throw new Error(`account: ${page.statusCode}`)
  await browser.post('/account/profile', { name: `${canary}-new-name` })
  const id = /name="id" value="([^"]+)"/.exec(page.body)?.[1] ?? ''
  await browser.post('/account/sessions/end', { id })
  await browser.post('/account/sessions/end-others', {})
  const clientId = /name="client_id" value="([^"]+)"/.exec(page.body)?.[1] ?? ''
  await browser.post('/account/apps/revoke', { client_id: clientId })
  const password = `${canary}-${PASSWORD}`
  await browser.post('/account/password', {
    current_password: user.password,
    new_password: password,
    confirm_password: password
  })
  const changed = { ...user, password }
  await changeAddress(app, changed, canary)
  await browser.login(changed)
  await browser.get('/logout')
  await browser.post('/logout', {})
  await browser.login(changed)
  await browser.post('/account/sign-out-everywhere', {})
}

/** To another one and back. */
async function changeAddress(app: TestApp, user: Person['user'], canary: string) {
  const { email, password } = user
  const { access_token: token } = (await app.post('/auth/login', { email, password })).json()
  const next = `${canary}-next-${freshEmail()}`
  await app.post(
    '/users/change-email',
    { email: next, current_password: password },
    { authorization: `Bearer ${token}` }
  )
  const change = secretsOf(await mailTo(app, next))
  await openBrowser(app).post('/verify-email', { token: change.token })
  const mail = await mailTo(app, email, /address.*was changed/)
  const undo = /token=([\w-]+)/.exec(mail.text)?.[1] ?? ''
  await openBrowser(app).get(`/undo-email-change?token=${undo}`)
  const undone = await openBrowser(app).post('/undo-email-change', { token: undo })
  if (undone.statusCode !== 200) throw new Error(`undo: ${mail.text} ${undone.body}`)
  for (const path of ['/dev/mail', '/dev/mail.json']) await app.get(path)
  const { mails } = (await app.get('/dev/mail.json')).json()
  await app.get(`/dev/mail/${mails[0].id}`)
}
