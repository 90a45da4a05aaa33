import { CAPTCHA_PROVIDERS } from '../abuse/captcha-providers.ts'
import { boolean, fraction, integer, list, oneOf, text, url } from '../lib/setting-parsers.ts'
import { DAY_SECONDS, optional, unset } from './setting.ts'

/** What strangers are told, how often they may ask, and how long what they leave is kept. */
export const LIMITS = {
  emailVerification: optional(
    'EMAIL_VERIFICATION',
    '`optional` is for closed networks: registering creates the user at once and tells taken addresses',
    oneOf('required', 'optional'),
    'required'
  ),
  registrationRevealsEmail: optional(
    'REGISTRATION_REVEALS_EMAIL',
    'Answer 409 `email_taken` and 403 `email_not_verified` instead of telling nobody',
    boolean,
    false
  ),
  rateLimitLoginPerMinute: optional(
    'RATE_LIMIT_LOGIN_PER_MINUTE',
    'Logins per client address',
    integer(1, 1_000_000),
    5
  ),
  rateLimitLoginPerName: optional(
    'RATE_LIMIT_LOGIN_PER_NAME',
    'Logins under one name in five minutes, right or wrong, from browsers that have not logged in to it before',
    integer(1, 1_000_000),
    20
  ),
  rateLimitRegisterPerHour: optional(
    'RATE_LIMIT_REGISTER_PER_HOUR',
    'Registrations per client address',
    integer(1, 1_000_000),
    3
  ),
  rateLimitResetPerHour: optional(
    'RATE_LIMIT_RESET_PER_HOUR',
    'Password resets, and mails asked for, per client address',
    integer(1, 1_000_000),
    3
  ),
  captchaProvider: unset(
    'CAPTCHA_PROVIDER',
    '`turnstile`, `hcaptcha` or `recaptcha`, asked after suspicious attempts to log in, register or reset',
    oneOf(...CAPTCHA_PROVIDERS),
    'no CAPTCHA'
  ),
  captchaSiteKey: unset('CAPTCHA_SITE_KEY', 'The public key that its widget shows', text, 'none'),
  captchaSecret: unset('CAPTCHA_SECRET', 'The key that its tokens are verified with', text, 'none'),
  captchaAfterAttempts: optional(
    'CAPTCHA_AFTER_ATTEMPTS',
    'Wrong logins, registrations and resets in an hour from one address, or wrong logins under one name, before it is asked for; 0 asks always',
    integer(0, 1_000_000),
    3
  ),
  captchaMinScore: optional(
    'CAPTCHA_MIN_SCORE',
    'Score that reCAPTCHA v3 has to give, 0 to 1',
    fraction,
    0.5
  ),
  captchaHostnames: unset(
    'CAPTCHA_HOSTNAMES',
    'Hosts whose pages may show the widget',
    list,
    'those of `ISSUER` and `CORS_ORIGINS`'
  ),
  captchaVerifyUrl: unset(
    'CAPTCHA_VERIFY_URL',
    'Where its tokens are verified',
    url('https:', 'http:'),
    'as the provider has it'
  ),
  rateLimitDevicePerHour: optional(
    'RATE_LIMIT_DEVICE_PER_HOUR',
    'Codes of devices typed at the page /device, per client address',
    integer(1, 1_000_000),
    30
  ),
  rateLimitAuthorizePerMinute: optional(
    'RATE_LIMIT_AUTHORIZE_PER_MINUTE',
    'Authorization requests (by URL, form, or pushed) and device codes asked for, per client address; raise it where one server pushes requests for many people',
    integer(1, 1_000_000),
    300
  ),
  mailLimitPerMinute: optional(
    'MAIL_LIMIT_PER_MINUTE',
    'Mails of a kind to one mailbox',
    integer(1, 1_000_000),
    1
  ),
  mailLimitPerHour: optional(
    'MAIL_LIMIT_PER_HOUR',
    'The same, in an hour',
    integer(1, 1_000_000),
    5
  ),
  mailLimitPerDay: optional('MAIL_LIMIT_PER_DAY', 'The same, in a day', integer(1, 1_000_000), 20),
  purgeIntervalSeconds: optional(
    'PURGE_INTERVAL_SECONDS',
    'How often rows that have expired are looked for and deleted',
    integer(1, DAY_SECONDS),
    600
  )
}
