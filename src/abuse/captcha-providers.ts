export const CAPTCHA_PROVIDERS = ['turnstile', 'hcaptcha', 'recaptcha'] as const
export type CaptchaProviderName = (typeof CAPTCHA_PROVIDERS)[number]

/** What differs from one provider to the next; all of them speak the `siteverify` of reCAPTCHA. */
export type CaptchaProvider = {
  verifyUrl: string
  /** Whether it wants to know which site key the token is for. */
  sendsSiteKey: boolean
  /** Whether `score` says how human it was, 1 the most. */
  hasScore: boolean
  widget: {
    script: string
    /** The class that its script looks for. */
    className: string
    /** What a page has to allow it, by CSP directive. */
    policy: Record<string, string[]>
  }
}

const TURNSTILE = 'https://challenges.cloudflare.com'
const HCAPTCHA = ['https://hcaptcha.com', 'https://*.hcaptcha.com']

/** As their documentation has them. */
export const PROVIDERS: Record<CaptchaProviderName, CaptchaProvider> = {
  turnstile: {
    verifyUrl: `${TURNSTILE}/turnstile/v0/siteverify`,
    sendsSiteKey: false,
    hasScore: false,
    widget: {
      script: `${TURNSTILE}/turnstile/v0/api.js`,
      className: 'cf-turnstile',
      policy: { 'script-src': [TURNSTILE], 'frame-src': [TURNSTILE] }
    }
  },
  hcaptcha: {
    verifyUrl: 'https://api.hcaptcha.com/siteverify',
    sendsSiteKey: true,
    hasScore: false,
    widget: {
      script: 'https://js.hcaptcha.com/1/api.js',
      className: 'h-captcha',
      policy: {
        'script-src': HCAPTCHA,
        'frame-src': HCAPTCHA,
        'style-src': HCAPTCHA,
        'connect-src': HCAPTCHA
      }
    }
  },
  recaptcha: {
    verifyUrl: 'https://www.google.com/recaptcha/api/siteverify',
    sendsSiteKey: false,
    hasScore: true,
    widget: {
      script: 'https://www.google.com/recaptcha/api.js',
      className: 'g-recaptcha',
      policy: {
        'script-src': ['https://www.google.com/recaptcha/', 'https://www.gstatic.com/recaptcha/'],
        'frame-src': [
          'https://www.google.com/recaptcha/',
          'https://recaptcha.google.com/recaptcha/'
        ],
        'connect-src': ['https://www.google.com/recaptcha/']
      }
    }
  }
}

/** The fields in which their widgets put a token into a form. */
export const WIDGET_FIELDS = [
  'cf-turnstile-response',
  'h-captcha-response',
  'g-recaptcha-response'
] as const
