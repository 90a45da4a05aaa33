import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openBrowser, openWindow, startListeningApp } from '../../support/browser.ts'
import { givenUser } from '../../support/builders.ts'
import { listenOnLoopback } from '../../support/http-listener.ts'
import { givenClient } from '../../support/oauth.ts'

const LIBRARY = readFileSync(
  fileURLToPath(import.meta.resolve('oidc-client-ts'))
    .replace('dist/esm', 'dist/browser')
    .replace('.js', '.min.js')
)

/** A page of somebody else's, with nothing but the library: it keeps its tokens and shows what it knows. */
function pageOf(issuer: string, clientId: string): string {
  return `<!doctype html><title>Shop</title><h1>Shop</h1><pre id="out"></pre>
<script src="/oidc.js"></script><script>
const home = location.origin + '/'
const manager = new oidc.UserManager({
  authority: ${JSON.stringify(issuer)}, client_id: ${JSON.stringify(clientId)}, redirect_uri: home,
  post_logout_redirect_uri: home + 'bye', silent_redirect_uri: home, scope: 'openid profile email offline_access',
  loadUserInfo: true, automaticSilentRenew: false, monitorSession: false
})
window.manager = manager
const show = (value) => { document.getElementById('out').textContent = JSON.stringify(value) }
const known = ({ profile, access_token, refresh_token }) =>
  ({ sub: profile.sub, email: profile.email, access: access_token.length > 0, refresh: Boolean(refresh_token) })
if (location.search.includes('code=')) manager.signinCallback().then((user) => show(known(user)), (e) => show({ error: e.message }))
else if (location.pathname === '/bye') manager.signoutCallback().then((r) => show({ bye: r?.userState ?? r?.state ?? true }), (e) => show({ error: e.message }))
else if (location.search.includes('error=')) manager.signinCallback().catch((e) => show({ error: e.error }))
else show('nobody')
</script>`
}

void t.test(
  'oidc-client-ts in a browser, on another origin: from discovery to logout',
  async (t) => {
    const app = await startListeningApp(t)
    const browser = await openBrowser(t)
    let page = ''
    const port = await listenOnLoopback(t, (request, response) => {
      const isLibrary = request.url === '/oidc.js'
      response.writeHead(200, { 'content-type': isLibrary ? 'text/javascript' : 'text/html' })
      response.end(isLibrary ? LIBRARY : page)
    })
    const origin = `http://127.0.0.1:${port}`
    const client = await givenClient(app, {
      client_name: 'Shop',
      token_endpoint_auth_method: 'none',
      redirect_uris: [`${origin}/`],
      post_logout_redirect_uris: [`${origin}/bye`]
    })
    page = pageOf(app.issuer, client.id)
    const user = await givenUser(app)
    const { page: window } = await openWindow(t, browser, app.issuer)
    const complaints: string[] = []
    window.on('console', (message) => {
      if (message.type() === 'error' && !/status of 4/.test(message.text()))
        complaints.push(message.text())
    })
    const shown = async () => {
      await window.waitForFunction("document.getElementById('out')?.textContent !== ''")
      return JSON.parse((await window.textContent('#out')) ?? 'null') as unknown
    }

    await window.goto(origin)
    t.equal(await shown(), 'nobody')
    void window.evaluate('manager.signinRedirect()').catch(() => undefined)
    await window.getByLabel('E-mail address or username').fill(user.email)
    await window.getByLabel('Password').fill(user.password)
    await window.getByRole('button', { name: 'Log in' }).click()
    t.match(await window.textContent('h1'), 'Let Shop in?')
    await window.getByRole('button', { name: 'Allow', exact: true }).click()
    await window.waitForURL(`${origin}/?*`)
    t.match(await shown(), { sub: user.id, email: user.email, access: true, refresh: true })

    const renewed = await window.evaluate(
      'manager.getUser().then(async (old) => [old, await manager.signinSilent()]).then(([old, next]) => ({ sub: next.profile.sub, isNew: old.access_token !== next.access_token, rotated: old.refresh_token !== next.refresh_token }))'
    )
    t.same(renewed, { sub: user.id, isNew: true, rotated: true })
    const error = await window.evaluate(
      "manager.getUser().then((user) => manager.revokeTokens(['access_token'])).then(() => null, (e) => e.message)"
    )
    t.equal(error, null, 'revocation is open to the page')

    void window.evaluate('manager.signoutRedirect()').catch(() => undefined)
    await window.waitForURL(`${origin}/bye*`)
    t.match(await shown(), { bye: /./ })
    await window.goto(origin)
    void window.evaluate("manager.signinRedirect({ prompt: 'none' })").catch(() => undefined)
    await window.waitForURL(`${origin}/?error=*`)
    t.same(await shown(), { error: 'login_required' })
    t.same(complaints, [])
  }
)
