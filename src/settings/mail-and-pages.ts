import { displayName, hexColor, mailbox, text, url } from '../lib/setting-parsers.ts'
import { optional, unset } from './setting.ts'

/** Mail, and what people see. */
export const MAIL_AND_PAGES = {
  smtpUrl: unset(
    'SMTP_URL',
    'Mail server',
    url('smtp:', 'smtps:'),
    'mail is kept as files; required in production'
  ),
  mailFrom: optional(
    'MAIL_FROM',
    'Sender of every mail; a bare address is shown as `BRAND_NAME`',
    mailbox,
    { name: undefined, address: 'no-reply@localhost' },
    'no-reply@localhost'
  ),
  mailTemplatesDir: unset(
    'MAIL_TEMPLATES_DIR',
    'Folder of mail templates of your own, see [docs/mail.md](docs/mail.md)',
    text,
    'ours'
  ),
  brandName: optional(
    'BRAND_NAME',
    'What pages and mails call this service',
    displayName,
    'Latchkey'
  ),
  brandLogoFile: unset(
    'BRAND_LOGO_FILE',
    'Picture at the top of every page: svg, png or webp, at most 256 KiB; see [docs/pages.md](docs/pages.md)',
    text,
    'the name'
  ),
  brandColor: unset(
    'BRAND_COLOR',
    'Colour of buttons and links, `#rrggbb`; shades that read on it are chosen',
    hexColor,
    'a blue'
  ),
  pagesTemplatesDir: unset(
    'PAGES_TEMPLATES_DIR',
    'Folder of page templates of your own; each replaces ours of its name',
    text,
    'ours'
  )
}
