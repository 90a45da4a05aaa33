/** The mails there are, and what each template is given. `device` is what whoever logged in called it, `address` their network. */
export type MailContent =
  | { template: 'verify-email'; data: { link: string; code: string; hours: number } }
  | { template: 'already-registered'; data: { issuer: string; resetLink: string } }
  | { template: 'choose-password'; data: { link: string; code: string; minutes: number } }
  | { template: 'reset-password'; data: { link: string; code: string; minutes: number } }
  | { template: 'confirm-email-change'; data: { link: string; code: string; hours: number } }
  | { template: 'email-changed'; data: { link: string; issuer: string; hours: number } }
  | { template: 'account-erased'; data: { issuer: string } }
  | { template: 'password-changed'; data: { issuer: string; resetLink: string } }
  | { template: 'account-locked'; data: { issuer: string; resetLink: string } }
  | {
      template: 'new-device'
      data: {
        issuer: string
        device: string | null
        address: string
        at: string
        resetLink: string
      }
    }
  | { template: 'session-reuse'; data: { issuer: string; device: string | null } }

export type MailTemplate = MailContent['template']

export type Mail = MailContent & { to: string; locale: string | null }

/** What every template is given beside its own data. */
export type CommonData = { brand: string; issuer: string; language: string }

const ISSUER = 'https://id.example.com'
const RESET_LINK = `${ISSUER}/forgot-password`
const CODE = '7KQM-2XHD'
const linkTo = (page: string) => `${ISSUER}/${page}?token=${'x'.repeat(43)}`
const NEW_DEVICE = {
  issuer: ISSUER,
  address: '203.0.113.x',
  at: '2026-11-20 09:30 UTC',
  resetLink: RESET_LINK
}

/** Every mail there is with data as it may come, for the check at start: the types see that none is missing. */
export const MAIL_SAMPLES: { [C in MailContent as C['template']]: C['data'][] } = {
  'verify-email': [{ link: linkTo('verify-email'), code: CODE, hours: 24 }],
  'already-registered': [{ issuer: ISSUER, resetLink: RESET_LINK }],
  'choose-password': [{ link: linkTo('reset-password'), code: CODE, minutes: 30 }],
  'reset-password': [{ link: linkTo('reset-password'), code: CODE, minutes: 30 }],
  'confirm-email-change': [{ link: linkTo('verify-email'), code: CODE, hours: 24 }],
  'email-changed': [{ link: linkTo('undo-email-change'), issuer: ISSUER, hours: 72 }],
  'account-erased': [{ issuer: ISSUER }],
  'password-changed': [{ issuer: ISSUER, resetLink: RESET_LINK }],
  'account-locked': [{ issuer: ISSUER, resetLink: RESET_LINK }],
  'new-device': [
    { ...NEW_DEVICE, device: 'Firefox on Linux' },
    { ...NEW_DEVICE, device: null }
  ],
  'session-reuse': [
    { issuer: ISSUER, device: 'Firefox on Linux' },
    { issuer: ISSUER, device: null }
  ]
}

export const MAIL_TEMPLATES = Object.keys(MAIL_SAMPLES) as MailTemplate[]
