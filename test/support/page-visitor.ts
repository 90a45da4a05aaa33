import type { TestApp } from './app.ts'
import { PASSWORD } from './builders.ts'

/** What a page's form is sent with; nothing of it comes from the page but the hidden fields. */
type Sent = { headers?: Record<string, string>; token?: string | null }

export type Visitor = ReturnType<typeof createVisitor>

/**
 * A browser without a window, on any issuer: it keeps cookies, reads hidden fields and sends forms as
 * browsers do (`Sec-Fetch-Site: same-origin`), unless told otherwise.
 */
export function createVisitor({ app }: Pick<TestApp, 'app'>) {
  const jar = new Map<string, string>()

  type Answer = Awaited<ReturnType<typeof app.inject>>

  function keep(answer: Answer): Answer {
    for (const { name, value, maxAge } of answer.cookies) {
      if (value === '' || maxAge === 0) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }

  function cookies(): Record<string, string> {
    return jar.size === 0
      ? {}
      : { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') }
  }

  async function open(url: string, headers: Record<string, string> = {}): Promise<Answer> {
    return keep(await app.inject({ url, headers: { ...cookies(), ...headers } }))
  }

  /** Sends a form. `token` null leaves the form's token out; `headers` replace what a browser says. */
  async function send(
    url: string,
    fields: Record<string, string> = {},
    { headers = { 'sec-fetch-site': 'same-origin' }, token = null }: Sent = {}
  ): Promise<Answer> {
    const body = new URLSearchParams({ ...fields, ...(token !== null && { csrf_token: token }) })
    return keep(
      await app.inject({
        method: 'POST',
        url,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          ...cookies(),
          ...headers
        },
        payload: body.toString()
      })
    )
  }

  async function logIn(email: string, fields: Record<string, string> = {}): Promise<Answer> {
    return send('/login', { email, password: PASSWORD, ...fields })
  }

  /** The cookie of the login, whatever its prefix. */
  const session = () => jar.get('latchkey_session') ?? jar.get('__Host-latchkey_session')

  return { jar, open, send, logIn, session }
}

/** The token in the first form of a page. */
export function formTokenOf(html: string): string {
  const token = /name="csrf_token" value="([^"]+)"/.exec(html)?.[1]
  if (token === undefined) throw new Error('This page has no form with a token.')
  return token
}

/** Somebody who is logged in at the pages. */
export async function givenLogin(app: Pick<TestApp, 'app'>, email: string): Promise<Visitor> {
  const visitor = createVisitor(app)
  const answer = await visitor.logIn(email)
  if (answer.statusCode !== 303) throw new Error(`login: ${answer.statusCode} ${answer.body}`)
  return visitor
}

/** The session that a visitor's cookie names. */
export function sidOf(visitor: Visitor): string {
  const hex = Buffer.from(visitor.session()?.slice(4) ?? '', 'base64url').toString('hex', 0, 16)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export async function isLoggedIn(visitor: Visitor): Promise<boolean> {
  return (await visitor.open('/account')).statusCode === 200
}

/** Another browser with the same session cookie, as a thief has it. */
export function thiefOf(app: Pick<TestApp, 'app'>, visitor: Visitor): Visitor {
  const thief = createVisitor(app)
  thief.jar.set('latchkey_session', visitor.session() ?? '')
  return thief
}
