import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail } from '../support/builders.ts'
import { startSiteverify } from '../support/siteverify.ts'

const provider = await startSiteverify(t, () => ({ hostname: 'localhost' }))

async function submit(app: Awaited<ReturnType<typeof startApp>>, form: Record<string, string>) {
  return app.app.inject({
    method: 'POST',
    url: '/forgot-password',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ email: freshEmail(), ...form }).toString()
  })
}

const WIDGETS = {
  turnstile: { className: 'cf-turnstile', host: 'https://challenges.cloudflare.com' },
  hcaptcha: { className: 'h-captcha', host: 'https://*.hcaptcha.com' },
  recaptcha: { className: 'g-recaptcha', host: 'https://www.google.com/recaptcha/' }
}

for (const [name, { className, host }] of Object.entries(WIDGETS)) {
  void t.test(
    `${name}, when it is asked for: the form carries it, this page allows it`,
    async (t) => {
      const env = { ...provider.env, CAPTCHA_PROVIDER: name, CAPTCHA_AFTER_ATTEMPTS: '1' }
      const app = await startApp(t, env)
      const plain = await app.get('/forgot-password')
      t.notMatch(plain.headers['content-security-policy'], /https:/, 'nothing before')
      t.notMatch(plain.body, className)
      t.equal((await submit(app, {})).statusCode, 200)
      const email = `"><script>${freshEmail()}`
      const asked = await submit(app, { email, [`${className}-response`]: '' })
      t.equal(asked.statusCode, 403)
      t.match(asked.body, `<div class="${className}" data-sitekey="the-public-site-key"`)
      t.match(asked.body, 'role="alert"')
      t.notMatch(asked.body, '"><script>', 'what was typed is there again, as text')
      const policy = String(asked.headers['content-security-policy'])
      const scripts = policy.split(';').find((part) => part.startsWith('script-src'))
      t.ok(scripts?.startsWith("script-src 'self' ") === true && scripts.includes(host))
      t.match(policy, 'frame-src https://')
      t.match(policy, "frame-ancestors 'none'")
      t.notMatch(policy, /unsafe-/)
      const field = name === 'turnstile' ? 'cf-turnstile-response' : `${className}-response`
      const both = {
        [field]: provider.solve(),
        ...(name === 'hcaptcha' && { 'g-recaptcha-response': '' })
      }
      const passed = await submit(app, both)
      t.equal(passed.statusCode, 200)
      t.notMatch(passed.headers['content-security-policy'], /https:/, 'nor after')
      t.equal((await submit(app, both)).statusCode, 403, 'one token, one mail')
    }
  )
}
