import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { assertionForm, clientAssertion, givenKey } from '../support/client-keys.ts'
import { givenClient, givenCode, postForm, REDIRECT_URI } from '../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  outcomeOf,
  pkceUrl,
  postAs,
  refreshAs
} from '../support/oauth-grants.ts'

const app = await startApp(t)
const key = await givenKey()
const client = await givenClient(app)
const signer = await givenClient(app, {
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys: [key.jwk] }
})
const person = await givenPerson(app)
await app.sql(`UPDATE users SET roles = '{admin,user}' WHERE id = $1`, [person.user.id])
const mine = await givenClient(app, {
  first_party: true,
  shows_roles: true,
  scope: 'openid account admin'
})
const own = await givenSession(app, person.user)
const tokens = await givenTokens(app, client, person)
const grant = await givenCode(app, client, {}, person)
const { location } = await outcomeOf(person.browser, pkceUrl(client, { prompt: 'consent' }))
const assertion = await clientAssertion(app, signer, key)
const [, browserCookie = ''] =
  [...person.browser.cookies].find(([name]) => name.endsWith('session')) ?? []

/** One of each kind that this server gives out or takes. */
const KINDS: Record<string, string> = {
  access: tokens.access_token,
  refresh: tokens.refresh_token,
  id: tokens.id_token,
  code: grant.code,
  'client secret': client.secret ?? '',
  'first-party access': own.accessToken,
  'first-party refresh': own.refreshToken,
  'client assertion': assertion,
  'waiting request': /request=([\w-]+)/.exec(location)?.[1] ?? '',
  'browser cookie': browserCookie
}

/** Every place that takes a token, and the one kind that it takes; each gives whether it was let in. */
const PLACES: [string, string[], (token: string) => Promise<boolean>][] = [
  [
    'userinfo',
    ['access'],
    async (token) => (await app.get('/oauth/userinfo', token)).statusCode === 200
  ],
  [
    '/auth/me',
    ['first-party access'],
    async (token) => (await app.get('/auth/me', token)).statusCode === 200
  ],
  [
    '/verify-token',
    ['access', 'first-party access'],
    async (token) => (await app.get('/verify-token', token)).statusCode === 200
  ],
  [
    '/admin/users',
    ['first-party access'],
    async (token) => (await app.get('/admin/users', token)).statusCode === 200
  ],
  [
    '/auth/refresh-token',
    [],
    async (token) =>
      (await app.post('/auth/refresh-token', { refresh_token: token })).statusCode === 200 &&
      token !== own.refreshToken
  ],
  [
    'the refresh grant',
    [],
    async (token) =>
      (await refreshAs(app, client, token)).statusCode === 200 && token !== tokens.refresh_token
  ],
  [
    'the code grant',
    [],
    async (token) => {
      const form = {
        grant_type: 'authorization_code',
        code: token,
        redirect_uri: REDIRECT_URI,
        code_verifier: 'x'.repeat(43)
      }
      return (await postAs(app, client, '/oauth/token', form)).statusCode === 200
    }
  ],
  [
    'client_assertion',
    ['client assertion'],
    async (token) => {
      const form = { token: 'x', ...assertionForm(token) }
      return (await postForm(app, '/oauth/introspect', form)).statusCode === 200
    }
  ],
  [
    'client_secret',
    ['client secret'],
    async (token) =>
      (await postAs(app, { ...client, secret: token }, '/oauth/introspect', { token: 'x' }))
        .statusCode === 200
  ],
  [
    'id_token_hint',
    ['id'],
    async (token) => {
      const url = pkceUrl(client, { prompt: 'none', id_token_hint: token })
      return (await outcomeOf(person.browser, url)).told?.['code'] !== undefined
    }
  ],
  [
    'the logout hint',
    [],
    async (token) =>
      (await app.get(`/oauth/logout?id_token_hint=${encodeURIComponent(token)}`)).statusCode !==
        400 && token !== tokens.id_token
  ],
  [
    'dpop',
    [],
    async (token) =>
      (
        await postAs(
          app,
          client,
          '/oauth/token',
          { grant_type: 'refresh_token', refresh_token: 'x' },
          { dpop: token }
        )
      ).json().error !== 'invalid_dpop_proof'
  ],
  [
    'a mail token',
    [],
    async (token) => (await app.post('/auth/verify-email', { token })).statusCode === 200
  ],
  [
    'a request object',
    [],
    async (token) =>
      (await outcomeOf(person.browser, pkceUrl(signer, { request: token }))).told?.['code'] !==
      undefined
  ],
  [
    'a pushed reference',
    [],
    async (token) =>
      (
        await app.get(
          `/oauth/authorize?client_id=${client.id}&request_uri=${encodeURIComponent(`urn:ietf:params:oauth:request_uri:${token}`)}`
        )
      ).statusCode !== 400
  ]
]

for (const [place, takes, isLetIn] of PLACES) {
  void t.test(`each kind of token at ${place}: only its own (SECURITY T3)`, async (t) => {
    for (const [kind, token] of Object.entries(KINDS)) {
      t.ok(token.length > 20, kind)
      t.equal(await isLetIn(token), takes.includes(kind), kind)
    }
  })
}

void t.test(
  "an administrator's token of another client: opens nothing of ours (SECURITY T9)",
  async (t) => {
    const { access_token: token } = await givenTokens(app, mine, person, {
      scope: 'openid account admin'
    })
    const { access_token: fresh } = await givenTokens(app, client, person)
    t.equal((await app.get('/oauth/userinfo', token)).statusCode, 200, 'it lives')
    const id = person.user.id
    for (const [method, url] of [
      ['GET', '/auth/me'],
      ['GET', '/users/profile'],
      ['PUT', '/users/profile'],
      ['GET', '/users/sessions'],
      ['GET', '/users/export'],
      ['POST', '/users/change-password'],
      ['DELETE', '/users/delete-account'],
      ['GET', '/admin/users'],
      ['GET', `/admin/users/${id}`],
      ['PUT', `/admin/users/${id}/roles`],
      ['GET', '/admin/clients'],
      ['POST', '/admin/clients'],
      ['GET', '/admin/audit-logs']
    ] as const) {
      for (const shown of [token, fresh]) {
        const headers = { authorization: `Bearer ${shown}` }
        const answer = await app.app.inject({
          method,
          url,
          headers,
          ...(method !== 'GET' && { body: {} })
        })
        t.equal(answer.statusCode, 401, `${method} ${url}`)
      }
    }
    const headers = { authorization: `Bearer ${token}` }
    t.equal(
      (await app.post('/auth/logout', { scope: 'all' }, headers)).statusCode,
      200,
      'tells nothing'
    )
    t.equal((await app.get('/auth/me', own.accessToken)).statusCode, 200, 'and ends nothing')
    t.equal((await app.get('/oauth/userinfo', token)).statusCode, 200)
  }
)
