import t from 'tap'
import { PROVIDERS, type CaptchaProviderName } from '../../src/abuse/captcha-providers.ts'
import { createCaptchaVerifier } from '../../src/abuse/captcha-verifier.ts'
import { UnavailableError } from '../../src/errors.ts'
import { createOutbound } from '../../src/platform/outbound.ts'
import { SECRET, startSiteverify, type Verdict } from '../support/siteverify.ts'

let goodVerdict: Verdict = {}
const server = await startSiteverify(t, () => goodVerdict)

/** A verifier on a provider whose good verdicts have these fields. */
function given(provider: CaptchaProviderName, fields: Verdict, secret = SECRET) {
  goodVerdict = fields
  server.recover()
  const faults: unknown[] = []
  const outbound = createOutbound({
    allowedHosts: [server.env.OUTBOUND_ALLOWED_HOSTS],
    ca: server.env.OUTBOUND_CA,
    production: true
  })
  const verify = createCaptchaVerifier(
    {
      provider,
      secret,
      siteKey: server.env.CAPTCHA_SITE_KEY,
      verifyUrl: server.env.CAPTCHA_VERIFY_URL,
      minScore: 0.5,
      hostnames: ['id.example.com', 'app.example.com']
    },
    { outbound, onFault: (error) => faults.push(error) }
  )
  return { ...server, verify, faults }
}

/** Verdicts as the providers document them, and what they are worth for a login on our pages. */
const VERDICTS: [CaptchaProviderName, Verdict, 'human' | 'refused'][] = [
  [
    'turnstile',
    { hostname: 'id.example.com', 'error-codes': [], action: 'login', cdata: '' },
    'human'
  ],
  [
    'turnstile',
    { hostname: 'id.example.com', action: '', metadata: { interactive: false } },
    'human'
  ],
  ['turnstile', { hostname: 'id.example.com', action: 'register' }, 'refused'],
  ['turnstile', { hostname: 'evil.example', action: 'login' }, 'refused'],
  ['turnstile', { hostname: 'id.example.com.evil.example', action: 'login' }, 'refused'],
  ['hcaptcha', { hostname: 'app.example.com', credit: false }, 'human'],
  ['hcaptcha', { hostname: 'not-provided', score: 0.1, score_reason: [] }, 'human'],
  ['hcaptcha', { hostname: 'evil.example' }, 'refused'],
  ['recaptcha', { hostname: 'id.example.com' }, 'human'],
  ['recaptcha', { hostname: 'id.example.com', score: 0.9, action: 'login' }, 'human'],
  ['recaptcha', { hostname: 'id.example.com', score: 0.5, action: 'login' }, 'human'],
  ['recaptcha', { hostname: 'id.example.com', score: 0.4, action: 'login' }, 'refused'],
  ['recaptcha', { hostname: 'id.example.com', score: '0.9', action: 'login' }, 'refused'],
  ['recaptcha', { hostname: 'id.example.com', score: 0.9, action: 'homepage' }, 'refused'],
  ['recaptcha', { apk_package_name: 'com.example.app' }, 'human'],
  ['recaptcha', { hostname: ['id.example.com', 'x'] }, 'refused']
]

for (const [provider, fields, worth] of VERDICTS) {
  void t.test(`${provider}, ${JSON.stringify(fields)}: ${worth}`, async (t) => {
    const { verify, solve, seen, faults } = given(provider, fields)
    t.equal(await verify(solve(), 'login'), worth)
    t.equal(await verify('made up', 'login'), 'refused')
    t.strictSame(faults, [])
    const form = Object.fromEntries(new URLSearchParams(seen.at(-1)?.body))
    t.equal(form['secret'], SECRET)
    t.equal(form['sitekey'], provider === 'hcaptcha' ? 'the-public-site-key' : undefined)
  })
}

void t.test('a wrong secret: unknown, and the operator is told without it', async (t) => {
  const { verify, solve, faults } = given('hcaptcha', {}, 'another-secret')
  t.equal(await verify(solve(), 'login'), 'unknown')
  t.match(faults, [{ message: /invalid-input-secret/ }])
  t.notMatch(JSON.stringify(faults.map(String)), /another-secret/)
})

void t.test('a hundred at once, at a frozen provider: the rest is 503, not let in', async (t) => {
  const { verify, become } = given('turnstile', {})
  become(() => undefined)
  const all = await Promise.allSettled(
    Array.from({ length: 100 }, (_, i) => verify(`token ${i}`, 'login'))
  )
  const refused = all.filter((outcome) => outcome.status === 'rejected')
  // Sixteen are asked about at once, for two seconds; whoever waits three was never asked about.
  t.equal(refused.length, 68)
  t.ok(refused.every(({ reason }) => reason instanceof UnavailableError))
})

void t.test(
  'eighty at once, at a slow provider: nobody passes for waiting in our queue',
  async (t) => {
    // On a machine that stands still for a second, an answer of half a second can be too late: once more, then.
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const { verify, become, faults } = given('turnstile', {})
      become((response) => {
        setTimeout(() => {
          response.setHeader('content-type', 'application/json')
          response.end(
            JSON.stringify({ success: false, 'error-codes': ['invalid-input-response'] })
          )
        }, 500)
      })
      const all = await Promise.allSettled(
        Array.from({ length: 80 }, (_, i) => verify(`token ${i}`, 'login'))
      )
      if (faults.length > 0 && attempt < 3) continue
      const passed = all.filter((outcome) => outcome.status === 'fulfilled')
      // Five rounds of sixteen, where the machine is quick enough; some wait longer than the provider is given.
      t.ok(passed.length >= 32)
      t.ok(passed.every(({ value }) => value === 'refused'))
      t.strictSame(faults, [])
      return
    }
  }
)

void t.test(
  'every provider: asked over https, at a host that its widget’s policy goes with',
  (t) => {
    for (const { verifyUrl, widget } of Object.values(PROVIDERS)) {
      t.match(verifyUrl, /^https:\/\/[\w.]+\/[\w/]+$/)
      t.ok(
        Object.values(widget.policy)
          .flat()
          .every((source) => source.startsWith('https://'))
      )
      t.ok('script-src' in widget.policy && 'frame-src' in widget.policy)
    }
    t.end()
  }
)
