import t from 'tap'
import { openBrowser, openWindow, startListeningApp } from '../support/browser.ts'
import { givenUser, PASSWORD } from '../support/builders.ts'
import { listenOnLoopback } from '../support/http-listener.ts'
import { givenClient } from '../support/oauth.ts'

void t.test(
  'response_mode=form_post in a browser: the answer arrives by itself, as a POST',
  async (t) => {
    const app = await startListeningApp(t)
    const posted: string[] = []
    const port = await listenOnLoopback(t, (request, response) => {
      request.setEncoding('utf8')
      let body = ''
      request.on('data', (part: string) => (body += part))
      request.on('end', () => {
        if (request.method === 'POST') posted.push(body)
        response.setHeader('content-type', 'text/html')
        response.end('<!doctype html><title>Shop</title><h1>Back in the shop</h1>')
      })
    })
    const redirectUri = `http://127.0.0.1:${port}/back`
    const client = await givenClient(app, {
      redirect_uris: [redirectUri],
      require_pkce: false,
      first_party: true
    })
    const { email } = await givenUser(app)
    const { page } = await openWindow(t, await openBrowser(t), app.issuer)
    const query = new URLSearchParams({
      client_id: client.id,
      response_type: 'code',
      response_mode: 'form_post',
      redirect_uri: redirectUri,
      scope: 'openid',
      state: 'the-state'
    })
    await page.goto(`/oauth/authorize?${query.toString()}`)
    await page.fill('[name=email]', email)
    await page.fill('[name=password]', PASSWORD)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('Back in the shop').waitFor()
    const [body = ''] = posted
    const answer = Object.fromEntries(new URLSearchParams(body))
    t.match(answer, { code: /^.{20,}/, state: 'the-state', iss: app.issuer })
    t.equal(posted.length, 1)
  }
)
