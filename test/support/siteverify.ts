import { startHttpsServer, type Answer } from './https-server.ts'
import type { Teardown } from './database.ts'
import { createTlsAuthority } from './tls-authority.ts'

export const SECRET = 'the-secret-of-the-site'

/** What a token is worth, as the provider's documentation writes the verdict. */
export type Verdict = Record<string, unknown>

/**
 * A provider: it knows the tokens that it gave out, takes each once, and says no to a wrong secret.
 * `fieldsOf` adds what a good verdict says beside `success`.
 */
export async function startSiteverify(t: Teardown, fieldsOf: (token: string) => Verdict) {
  const authority = await createTlsAuthority()
  const tokens = new Set<string>()
  const no = (...codes: string[]) => ({ success: false, 'error-codes': codes })

  function judge(form: URLSearchParams): Verdict {
    const token = form.get('response') ?? ''
    if (!form.has('secret')) return no('missing-input-secret')
    if (form.get('secret') !== SECRET) return no('invalid-input-secret')
    if (token === '') return no('missing-input-response')
    if (!tokens.delete(token)) return no('invalid-input-response')
    return { success: true, challenge_ts: '2026-11-21T10:00:00Z', ...fieldsOf(token) }
  }

  const answer: Answer = (response, { body, method, headers }) => {
    const isForm = headers['content-type'] === 'application/x-www-form-urlencoded'
    if (method !== 'POST' || !isForm) {
      response.writeHead(405).end()
      return
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(judge(new URLSearchParams(body))))
  }

  const server = await startHttpsServer(t, await authority.issue('127.0.0.1'), answer)
  const host = `127.0.0.1:${server.port}`
  let solved = 0
  return {
    ...server,
    /** Back to its work. */
    recover: () => server.become(answer),
    /** A token as a solved widget gives it. */
    solve: (token = `solved-${(solved += 1)}-${'x'.repeat(300)}`) => {
      tokens.add(token)
      return token
    },
    env: {
      CAPTCHA_SITE_KEY: 'the-public-site-key',
      CAPTCHA_SECRET: SECRET,
      CAPTCHA_VERIFY_URL: `https://${host}/siteverify`,
      OUTBOUND_ALLOWED_HOSTS: host,
      OUTBOUND_CA: authority.ca
    }
  }
}
