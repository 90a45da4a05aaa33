import * as oidc from 'openid-client'
import t from 'tap'
import { startListeningApp } from '../../support/browser.ts'
import { givenUser } from '../../support/builders.ts'
import { openHttpBrowser } from '../../support/http-browser.ts'
import { givenClient, REDIRECT_URI } from '../../support/oauth.ts'

const app = await startListeningApp(t)
const HOME = 'https://shop.example/bye'
const user = await givenUser(app)
const metadata = { post_logout_redirect_uris: [HOME] }

const errorOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error
  )

for (const [method, auth] of [
  ['client_secret_basic', oidc.ClientSecretBasic],
  ['client_secret_post', oidc.ClientSecretPost],
  ['none', oidc.None]
] as const) {
  for (const response_mode of ['query', 'form_post']) {
    void t.test(
      `openid-client, ${method}, ${response_mode}: from discovery to logout`,
      async (t) => {
        const client = await givenClient(app, { ...metadata, token_endpoint_auth_method: method })
        const config = await oidc.discovery(
          new URL(app.issuer),
          client.id,
          undefined,
          auth(client.secret ?? ''),
          // Told as deprecated so that it stands out; these servers are on localhost.
          // eslint-disable-next-line @typescript-eslint/no-deprecated
          { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] }
        )
        const browser = openHttpBrowser(app.issuer)
        const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
        const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()]
        const url = oidc.buildAuthorizationUrl(config, {
          redirect_uri: REDIRECT_URI,
          scope: 'openid profile email offline_access',
          code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
          code_challenge_method: 'S256',
          state: expectedState,
          nonce: expectedNonce,
          max_age: '600',
          response_mode
        })
        const { pages, request } = await browser.visit(url, user)
        t.ok(pages.includes('/login') && pages.includes('/consent'), pages.join(' '))
        const tokens = await oidc.authorizationCodeGrant(config, request, {
          pkceCodeVerifier,
          expectedState,
          expectedNonce,
          maxAge: 600,
          idTokenExpected: true
        })
        const { sub = '' } = tokens.claims() ?? {}
        t.equal(sub, user.id)
        const info = await oidc.fetchUserInfo(config, tokens.access_token, sub)
        t.match(info, { sub, email: user.email, email_verified: true })

        const next = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '')
        t.equal(next.claims()?.sub, sub)
        const less = await oidc.refreshTokenGrant(config, next.refresh_token ?? '', {
          scope: 'openid'
        })
        t.same(await oidc.fetchUserInfo(config, less.access_token, sub), { sub })

        const end = oidc.buildEndSessionUrl(config, {
          id_token_hint: next.id_token ?? '',
          post_logout_redirect_uri: HOME,
          state: 'bye'
        })
        t.equal((await browser.visit(end, user)).url.href, `${HOME}?state=bye`)
        const gone = oidc.refreshTokenGrant(config, less.refresh_token ?? '')
        t.match(await errorOf(gone), { error: 'invalid_grant' })
        const silent = oidc.buildAuthorizationUrl(config, {
          redirect_uri: REDIRECT_URI,
          scope: 'openid',
          code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
          code_challenge_method: 'S256',
          prompt: 'none'
        })
        const refused = await browser.visit(silent, user)
        const none = oidc.authorizationCodeGrant(config, refused.url, { pkceCodeVerifier })
        t.match(await errorOf(none), { error: 'login_required' })
      }
    )
  }
}
