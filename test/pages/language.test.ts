import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, mailTo } from '../support/builders.ts'
import { givenClient, openBrowser, REDIRECT_URI } from '../support/oauth.ts'
import { createVisitor } from '../support/page-visitor.ts'

const app = await startApp(t)
const GERMAN = { 'accept-language': 'de-CH,de;q=0.9' }
const PASSWORD_OF_NOBODY = 'wrong-otter-12-lantern'

void t.test('a browser that reads German: gets the pages in German, refusals too', async (t) => {
  const visitor = createVisitor(app)
  const page = await visitor.open('/login', GERMAN)
  t.match(page.body, '<html lang="de">')
  t.match(page.body, '<h1>Anmelden</h1>')
  const headers = { ...GERMAN, 'sec-fetch-site': 'same-origin' }
  const fields = { email: freshEmail(), password: PASSWORD_OF_NOBODY }
  const refused = await visitor.send('/login', fields, { headers })
  t.equal(refused.statusCode, 401)
  t.match(refused.body, 'Adresse oder Passwort ist falsch')
  t.match(refused.body, '<title>Fehler: Anmelden')
  const missing = await visitor.open('/nothing-here', { ...GERMAN, accept: 'text/html' })
  t.match(missing.body, 'Hier ist nichts.')
})

void t.test('/error: a page that repeats nothing of what it was sent with', async (t) => {
  const { statusCode, body } = await createVisitor(app).open('/error?error=<b>boom', GERMAN)
  t.equal(statusCode, 200)
  t.match(body, 'Etwas ist schiefgegangen')
  t.notMatch(body, 'boom')
})

void t.test('one that says nothing, or reads neither: gets English', async (t) => {
  for (const headers of [{}, { 'accept-language': 'fr' }] as Record<string, string>[]) {
    const { body } = await createVisitor(app).open('/login', headers)
    t.match(body, '<html lang="en">')
    t.match(body, '<h1>Log in</h1>')
  }
})

void t.test('a weak password, in German: each reason is a sentence', async (t) => {
  const visitor = createVisitor(app)
  const headers = { ...GERMAN, 'sec-fetch-site': 'same-origin' }
  const attempt = (password: string, lines: Record<string, string>) => {
    const fields = { email: freshEmail(), password, confirm_password: password }
    return visitor.send('/register', fields, { headers: { ...lines } })
  }
  const problemOf = ({ body }: { body: string }) => /id="problem">([^<]*)</.exec(body)?.[1]
  t.match(
    problemOf(await attempt('kurz', headers)),
    /^Wählen Sie ein stärkeres Passwort\. Das Passwort braucht mindestens 8 Zeichen\.$/
  )
  const common = problemOf(await attempt('password1', headers))
  t.match(common, /^Wählen Sie ein stärkeres Passwort\. [A-ZÄÖÜ][^;]*\.$/)
  const english = problemOf(await attempt('password1', { 'sec-fetch-site': 'same-origin' }))
  t.match(english, /^Choose a stronger password\. (This|Add|[A-Z])[^;]*\.$/)
  t.notMatch(english, /\bIt\b|\.\./)
})

void t.test('who registers on a German page: is written to in German', async (t) => {
  const email = freshEmail()
  const password = 'granite-otter-77-meadow'
  const headers = { ...GERMAN, 'sec-fetch-site': 'same-origin' }
  const fields = { email, password, confirm_password: password }
  const answer = await createVisitor(app).send('/register', fields, { headers })
  t.equal(answer.statusCode, 303)
  t.match((await mailTo(app, email, /Bestätigen/)).text, 'Öffnen Sie')
})

void t.test(
  'ui_locales: hold for every page up to the answer (OpenID Connect Core §3.1.2.1)',
  async (t) => {
    const client = await givenClient(app)
    const user = await givenUser(app)
    const browser = openBrowser(app)
    const query = new URLSearchParams({
      client_id: client.id,
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      scope: 'openid email',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      ui_locales: 'fr-CA de en'
    })
    const asked = await browser.get(`/oauth/authorize?${query.toString()}`)
    const login = await browser.get(String(asked.headers.location))
    t.match(login.body, '<h1>Anmelden</h1>')
    const continueTo = new URL(String(asked.headers.location), 'http://x').searchParams.get(
      'continue'
    )
    const entered = await browser.post('/login', {
      email: user.email,
      password: user.password,
      continue: continueTo ?? ''
    })
    const resumed = await browser.get(String(entered.headers.location))
    const consent = await browser.get(String(resumed.headers.location))
    t.match(consent.body, 'Ihre E-Mail-Adresse sehen')
    t.match(consent.body, 'Shop zulassen?')
  }
)

void t.test(
  'ui_locales that we have no pages in: change nothing; metadata tells which we have',
  async (t) => {
    const visitor = createVisitor(app)
    await visitor.open('/oauth/logout?ui_locales=de')
    t.match((await visitor.open('/login')).body, '<h1>Anmelden</h1>')
    await visitor.open('/oauth/logout?ui_locales=xx')
    t.match((await visitor.open('/login')).body, '<h1>Anmelden</h1>')
    const { ui_locales_supported: supported } = (
      await app.get('/.well-known/openid-configuration')
    ).json()
    t.strictSame(supported, ['en', 'de'])
  }
)
