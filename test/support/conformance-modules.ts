import { createHash, randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { Conformance } from './conformance.ts'
import { encode } from './jws.ts'

type Module = (t: Test, op: Conformance) => Promise<void>

/** A request that has to go through, whatever else it says. */
const succeeds =
  (more: Record<string, string | undefined>): Module =>
  async (t, op) => {
    await op.run(t, more)
  }

/** A scope, and the claims that userinfo has to tell for it. */
const tells =
  (scope: string, names: string[]): Module =>
  async (t, op) => {
    const { userinfo, idToken } = await op.run(t, { scope })
    for (const name of names) t.ok(name in userinfo, name)
    t.notOk('email' in idToken, 'not in the ID token of a code flow')
  }

/** The same login twice: the second time without a page. */
const again =
  (more: (idToken: string) => Record<string, string>): Module =>
  async (t, op) => {
    const first = await op.run(t, { max_age: '15000' })
    const hint = first.tokens['id_token'] ?? ''
    const second = await op.run(t, more(hint), { browser: first.browser })
    t.notOk(second.rest.pages.includes('/login'))
    t.equal(second.idToken.sub, first.idToken.sub)
    t.equal(second.idToken['auth_time'], first.idToken['auth_time'])
  }

/** A second request that has to show the login, and give a later `auth_time`. */
const loginAgain =
  (more: Record<string, string>, waitSeconds: number): Module =>
  async (t, op) => {
    const first = await op.run(t)
    await op.pass(waitSeconds)
    const second = await op.run(t, more, { browser: first.browser })
    t.ok(second.rest.pages.includes('/login'))
    t.ok(Number(second.idToken['auth_time']) > Number(first.idToken['auth_time']))
  }

/** A request object without a signature, which the metadata does not offer. */
const unsigned = (parameters: Record<string, string>) =>
  `${encode({ alg: 'none' })}.${encode(parameters)}.`

/** The modules of the Basic OP plan by the suite's names, for either response mode. */
export const BASIC_MODULES: Record<string, Module> = {
  'oidcc-server': succeeds({}),
  'oidcc-response-type-missing': async (t, op) => {
    const asked = op.ask(op.client, { response_type: undefined })
    const { told } = await op.authorize(asked)
    t.match(told['error'], /^(invalid_request|unsupported_response_type)$/)
    t.equal(told['state'], asked.parameters['state'])
  },
  'oidcc-userinfo-get': async (t, op) => {
    const { tokens } = await op.run(t)
    const { type } = await op.callUserinfo(tokens['access_token'] ?? '')
    t.match(type, /^application\/json/)
  },
  'oidcc-userinfo-post-header': async (t, op) => {
    const { tokens, idToken } = await op.run(t)
    const headers = { authorization: `Bearer ${tokens['access_token'] ?? ''}` }
    for (const extra of [{}, { 'content-type': 'application/x-www-form-urlencoded' }]) {
      const answer = await op.callUserinfo('', {
        method: 'POST',
        headers: { ...headers, ...extra }
      })
      t.equal(answer.status, 200)
      t.match(answer.type, /^application\/json/)
      t.equal(answer.body['sub'], idToken.sub)
    }
  },
  'oidcc-userinfo-post-body': async (t, op) => {
    const { tokens, idToken } = await op.run(t)
    const body = new URLSearchParams({ access_token: tokens['access_token'] ?? '' })
    const answer = await op.callUserinfo('', { method: 'POST', headers: {}, body })
    t.equal(answer.status, 200)
    t.equal(answer.body['sub'], idToken.sub)
  },
  'oidcc-ensure-request-without-nonce-succeeds-for-code-flow': succeeds({ nonce: undefined }),
  'oidcc-scope-profile': tells('openid profile', [
    'name',
    'given_name',
    'family_name',
    'preferred_username'
  ]),
  'oidcc-scope-email': tells('openid email', ['email', 'email_verified']),
  'oidcc-scope-address': tells('openid address', []),
  'oidcc-scope-phone': tells('openid phone', ['phone_number', 'phone_number_verified']),
  'oidcc-scope-all': tells('openid email phone address profile', ['name', 'email', 'phone_number']),
  'oidcc-alternate-happy-flow': tells('email openid', ['email']),
  'oidcc-display-page': succeeds({ display: 'page' }),
  'oidcc-display-popup': succeeds({ display: 'popup' }),
  'oidcc-prompt-login': loginAgain({ prompt: 'login' }, 1),
  'oidcc-prompt-none-not-logged-in': async (t, op) => {
    const asked = op.ask(op.client, { prompt: 'none', state: randomBytes(64).toString('hex') })
    const { told } = await op.authorize(asked)
    t.match(told['error'], /^(login|interaction|consent|account_selection)_required$/)
    t.equal(told['state'], asked.parameters['state'])
  },
  'oidcc-prompt-none-logged-in': again(() => ({ prompt: 'none' })),
  'oidcc-max-age-1': loginAgain({ max_age: '1' }, 2),
  'oidcc-max-age-10000': again(() => ({ max_age: '10000' })),
  'oidcc-ensure-request-with-unknown-parameter-succeeds': succeeds({ extra: 'foobar' }),
  'oidcc-id-token-hint': again((hint) => ({ prompt: 'none', id_token_hint: hint })),
  'oidcc-login-hint': succeeds({ login_hint: 'buffy@shop.example' }),
  'oidcc-ui-locales': succeeds({ ui_locales: 'se' }),
  'oidcc-claims-locales': succeeds({ claims_locales: 'se' }),
  'oidcc-ensure-request-with-acr-values-succeeds': async (t, op) => {
    const { idToken } = await op.run(t, { acr_values: '1 2' })
    t.type(idToken['acr'], 'string')
  },
  'oidcc-codereuse': async (t, op) => {
    const { tokenForm } = await op.run(t)
    const second = await op.post('token_endpoint', tokenForm)
    t.equal(second.status, 400)
    t.equal(second.body['error'], 'invalid_grant')
  },
  'oidcc-codereuse-30seconds': async (t, op) => {
    const { tokenForm, tokens } = await op.run(t)
    await op.pass(30)
    const second = await op.post('token_endpoint', tokenForm)
    t.equal(second.body['error'], 'invalid_grant')
    const { status } = await op.callUserinfo(tokens['access_token'] ?? '')
    t.equal(status, 401, 'the access token has gone with it')
  },
  'oidcc-ensure-registered-redirect-uri': async (t, op) => {
    const redirect_uri = 'https://shop.example/callback/not-registered'
    const { status, url } = await op.authorize(op.ask(op.client, { redirect_uri }))
    t.equal(status, 400)
    t.equal(url.origin, op.app.issuer)
  },
  'oidcc-ensure-redirect-uri-in-authorization-request': async (t, op) => {
    const { status, url } = await op.authorize(op.ask(op.client, { redirect_uri: undefined }))
    t.equal(status, 400)
    t.equal(url.origin, op.app.issuer)
  },
  'oidcc-ensure-post-request-succeeds': async (t, op) => {
    const asked = op.ask(op.client, {})
    await op.complete(t, asked, await op.authorizeByPost(asked))
  },
  'oidcc-server-client-secret-post': async (t, op) => {
    await op.run(t, {}, { of: op.poster })
  },
  'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported': async (t, op) => {
    const asked = op.ask(op.client, {})
    const request = unsigned(asked.parameters)
    const { state, nonce, ...outside } = asked.parameters
    t.ok(state !== undefined && nonce !== undefined)
    const { told } = await op.authorize({ ...asked, parameters: { ...outside, request } })
    t.equal(
      told['error'],
      'invalid_request_object',
      'the suite skips it, for the metadata lack none'
    )
  },
  'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported': async (t, op) => {
    const { told } = await op.authorize(
      op.ask(op.client, { request_uri: 'https://shop.example/r#x' })
    )
    t.equal(told['error'], 'request_uri_not_supported')
  },
  'oidcc-ensure-request-object-with-redirect-uri': async (t, op) => {
    const asked = op.ask(op.client, {})
    const request = unsigned(asked.parameters)
    const redirect_uri = 'https://shop.example/callback/not-registered'
    const { status, url } = await op.authorize({
      ...asked,
      parameters: { ...asked.parameters, redirect_uri, request }
    })
    t.equal(status, 400)
    t.equal(url.origin, op.app.issuer)
  },
  'oidcc-claims-essential': async (t, op) => {
    const claims = JSON.stringify({ userinfo: { name: { essential: true } } })
    const { userinfo, idToken } = await op.run(t, { claims })
    t.equal(userinfo['name'], 'Ada Lovelace')
    t.notOk('name' in idToken)
  },
  'oidcc-refresh-token': async (t, op) => {
    const scope = 'openid offline_access'
    const first = await op.run(t, { scope, prompt: 'consent' })
    const form = { grant_type: 'refresh_token', refresh_token: first.tokens['refresh_token'] ?? '' }
    const stolen = await op.post('token_endpoint', form, op.poster)
    t.equal(stolen.status, 400)
    t.equal(stolen.body['error'], 'invalid_grant', 'of another client')
    await op.pass(1)
    const { body: tokens } = await op.post('token_endpoint', form)
    const idToken = await op.check(t, tokens, op.client, undefined)
    for (const name of ['iss', 'sub', 'aud', 'auth_time', 'azp'])
      t.same(idToken[name], first.idToken[name])
    t.ok(Number(idToken.iat) > Number(first.idToken.iat))
    t.not(tokens['access_token'], first.tokens['access_token'])
    t.equal((await op.callUserinfo(tokens['access_token'] ?? '')).status, 200)
  },
  'oidcc-ensure-request-with-valid-pkce-succeeds': async (t, op) => {
    const code_verifier = randomBytes(32).toString('base64url')
    const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
    const asked = { code_challenge, code_challenge_method: 'S256' }
    await op.run(t, asked, { tokenForm: { code_verifier } })
  }
}

const APART_FROM_THE_ANSWER =
  /userinfo|scope|display|hint|locales|acr|secret-post|claims|-succeeds$/

/** Those of the Form Post OP plan in which the way of the answer has a part; the others run in the Basic OP plan. */
export const FORM_POST_MODULES = Object.fromEntries(
  Object.entries(BASIC_MODULES).filter(
    ([name]) => !APART_FROM_THE_ANSWER.test(name) || name.includes('post-request')
  )
)
