import * as o from 'oauth4webapi'
import t from 'tap'
import type { PublicJwk } from '../../../src/oauth/public-jwk.ts'
import { startListeningApp } from '../../support/browser.ts'
import { givenUser } from '../../support/builders.ts'
import { openHttpBrowser } from '../../support/http-browser.ts'
import { givenClient, REDIRECT_URI, type TestClient } from '../../support/oauth.ts'

const app = await startListeningApp(t)
const user = await givenUser(app)
// Told as deprecated so that it stands out; these servers are on localhost.
// eslint-disable-next-line @typescript-eslint/no-deprecated
const http = { [o.allowInsecureRequests]: true }
const issuer = new URL(app.issuer)
const HOME = 'https://shop.example/bye'
const KEYS = { modulusLength: 2_048, extractable: true }

for (const algorithm of ['oidc', 'oauth2'] as const) {
  void t.test(`oauth4webapi, discovery by ${algorithm}: taken`, async (t) => {
    const answer = await o.discoveryRequest(issuer, { algorithm, ...http })
    t.equal((await o.processDiscoveryResponse(issuer, answer)).issuer, app.issuer)
  })
}

const as = await o.processDiscoveryResponse(issuer, await o.discoveryRequest(issuer, http))
const pair = await o.generateKeyPair('ES256', KEYS)
const jwk = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as PublicJwk
const jwks = {
  keys: [
    { kty: 'EC' as const, crv: 'P-256', x: jwk.x ?? '', y: jwk.y ?? '', kid: 'k1', alg: 'ES256' }
  ]
}
const signing = { key: pair.privateKey, kid: 'k1' }

type Way = {
  id: TestClient
  auth: o.ClientAuth
  by: 'query' | 'form_post' | 'par' | 'jar' | 'jar by par'
  dpop: boolean
}

async function wayOf(
  method: 'none' | 'client_secret_basic' | 'private_key_jwt',
  by: Way['by'],
  dpop: boolean
): Promise<Way> {
  const id = await givenClient(app, {
    token_endpoint_auth_method: method,
    jwks,
    audiences: ['https://api.example'],
    post_logout_redirect_uris: [HOME],
    dpop_bound_access_tokens: dpop,
    require_pushed_authorization_requests: by.endsWith('par')
  })
  const auths = {
    none: o.None(),
    client_secret_basic: o.ClientSecretBasic(id.secret ?? 'none'),
    private_key_jwt: o.PrivateKeyJwt(signing)
  }
  return { id, auth: auths[method], by, dpop }
}

/** The URL that the browser is sent to. */
async function urlOf(
  { id, auth, by }: Way,
  asked: Record<string, string>,
  dpop: object
): Promise<URL> {
  const client: o.Client = { client_id: id.id }
  const url = new URL(as.authorization_endpoint ?? '')
  const signed = async () => ({ request: await o.issueRequestObject(as, client, asked, signing) })
  const shown = by.startsWith('jar') ? await signed() : asked
  const parameters = new URLSearchParams({ client_id: id.id, ...shown } as Record<string, string>)
  if (!by.endsWith('par')) {
    url.search = parameters.toString()
    return url
  }
  const answer = await o.pushedAuthorizationRequest(as, client, auth, parameters, {
    ...dpop,
    ...http
  })
  const pushed = await o.processPushedAuthorizationResponse(as, client, answer)
  url.search = new URLSearchParams({ client_id: id.id, request_uri: pushed.request_uri }).toString()
  return url
}

for (const [method, by, dpop] of [
  ['client_secret_basic', 'query', false],
  ['none', 'form_post', false],
  ['none', 'par', true],
  ['client_secret_basic', 'jar', true],
  ['private_key_jwt', 'par', true],
  ['private_key_jwt', 'jar by par', false]
] as const) {
  void t.test(
    `oauth4webapi, ${method}, ${by}${dpop ? ', DPoP' : ''}: from the request to the end`,
    async (t) => {
      const way = await wayOf(method, by, dpop)
      const client: o.Client = { client_id: way.id.id }
      const proofs = dpop ? { DPoP: o.DPoP(client, await o.generateKeyPair('ES256', KEYS)) } : {}
      const options = { ...proofs, ...http }
      const [verifier, state, nonce] = [
        o.generateRandomCodeVerifier(),
        o.generateRandomState(),
        o.generateRandomNonce()
      ]
      const asked = {
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        scope: 'openid email',
        code_challenge: await o.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...{ state, nonce },
        ...(by === 'form_post' && { response_mode: by })
      }
      const browser = openHttpBrowser(app.issuer)
      const { told } = await browser.visit(await urlOf(way, asked, proofs), user)
      const callback = o.validateAuthResponse(as, client, new URLSearchParams(told), state)
      const answer = await o.authorizationCodeGrantRequest(
        as,
        client,
        way.auth,
        callback,
        REDIRECT_URI,
        verifier,
        options
      )
      const tokens = await o.processAuthorizationCodeResponse(as, client, answer, {
        expectedNonce: nonce,
        requireIdToken: true
      })
      await o.validateApplicationLevelSignature(as, answer, http)
      t.equal(tokens.token_type, dpop ? 'dpop' : 'bearer')
      const { sub = '' } = o.getValidatedIdTokenClaims(tokens) ?? {}
      t.equal(sub, user.id)

      const info = await o.userInfoRequest(as, client, tokens.access_token, options)
      t.match(await o.processUserInfoResponse(as, client, sub, info), { email: user.email })

      const refreshed = await o.refreshTokenGrantRequest(
        as,
        client,
        way.auth,
        tokens.refresh_token ?? '',
        options
      )
      const next = await o.processRefreshTokenResponse(as, client, refreshed)
      t.not(next.refresh_token, tokens.refresh_token)

      const revoked = await o.revocationRequest(
        as,
        client,
        way.auth,
        next.refresh_token ?? '',
        http
      )
      await o.processRevocationResponse(revoked)
      const late = await o.refreshTokenGrantRequest(
        as,
        client,
        way.auth,
        next.refresh_token ?? '',
        options
      )
      const refused = await o
        .processRefreshTokenResponse(as, client, late)
        .catch((error: unknown) => error)
      t.match(refused, { error: 'invalid_grant' })

      const leave = new URL(as.end_session_endpoint ?? '')
      leave.search = new URLSearchParams({
        id_token_hint: tokens.id_token ?? '',
        post_logout_redirect_uri: HOME,
        state
      }).toString()
      const { url: home } = await browser.visit(leave, user)
      t.equal(home.href, `${HOME}?state=${state}`)
      const { told: silent } = await browser.visit(
        await urlOf(way, { ...asked, prompt: 'none' }, proofs),
        user
      )
      const guest = t.throws(() =>
        o.validateAuthResponse(as, client, new URLSearchParams(silent), state)
      )
      t.match(guest, { error: 'login_required' }, 'nobody is logged in any more')
    }
  )
}

for (const jwt of [false, true]) {
  void t.test(
    `oauth4webapi, client credentials and introspection${jwt ? ' as a JWT' : ''}`,
    async (t) => {
      const way = await givenClient(app, {
        grant_types: ['client_credentials'],
        scope: 'jobs:run',
        resource_server: true,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks
      })
      const client: o.Client = { client_id: way.id }
      const auth = o.PrivateKeyJwt(signing)
      const granted = await o.clientCredentialsGrantRequest(
        as,
        client,
        auth,
        { scope: 'jobs:run' },
        http
      )
      const { access_token: token } = await o.processClientCredentialsResponse(as, client, granted)
      const answer = await o.introspectionRequest(as, client, auth, token, {
        requestJwtResponse: jwt,
        ...http
      })
      const told = await o.processIntrospectionResponse(as, client, answer)
      if (jwt) await o.validateApplicationLevelSignature(as, answer, http)
      t.match(told, { active: true, client_id: way.id, scope: 'jobs:run' })
    }
  )
}

void t.test(
  'oauth4webapi as a resource server: takes our access tokens (RFC 9068 §4)',
  async (t) => {
    const api = 'https://api.example'
    const way = await givenClient(app, {
      grant_types: ['client_credentials'],
      scope: 'a:b',
      audiences: [api]
    })
    const client: o.Client = { client_id: way.id }
    const auth = o.ClientSecretBasic(way.secret ?? '')
    const DPoP = o.DPoP(client, await o.generateKeyPair('ES256', KEYS))
    for (const [scheme, options] of [
      ['Bearer', http],
      ['DPoP', { DPoP, ...http }]
    ] as const) {
      const granted = await o.clientCredentialsGrantRequest(
        as,
        client,
        auth,
        { resource: api },
        options
      )
      const { access_token: token } = await o.processClientCredentialsResponse(as, client, granted)
      let seen = new Request(api)
      await o.protectedResourceRequest(token, 'GET', new URL(api), undefined, null, {
        ...options,
        [o.customFetch]: (url: string, init: RequestInit) => {
          seen = new Request(url, init)
          return Promise.resolve(new Response())
        }
      } as never)
      t.match(seen.headers.get('authorization'), new RegExp(`^${scheme} `))
      t.match(await o.validateJwtAccessToken(as, seen, api, http), { client_id: way.id, aud: api })
    }
  }
)
