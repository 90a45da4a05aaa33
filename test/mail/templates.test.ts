import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError, readConfig } from '../../src/config.ts'
import { MAIL_SAMPLES, MAIL_TEMPLATES, type Mail } from '../../src/mail/content.ts'
import { openMailTemplates } from '../../src/mail/render.ts'
import { readTemplateFiles } from '../../src/mail/templates.ts'
import { startApp } from '../support/app.ts'
import { freshEmail, mailTo } from '../support/builders.ts'
import { mailsTo, outboxEmpty, register } from '../support/registrations.ts'

const HOSTILE = '\'"><script>alert(1)</script>&\r\nBcc: eve@evil.example\u202e\u2066\u200f'

function rendererOf(env: Record<string, string> = {}) {
  return openMailTemplates(readConfig({ ISSUER: 'https://id.example.com', ...env }))
}

function mailOf(template: Mail['template'], locale: string | null, data = {}): Mail {
  const sample = MAIL_SAMPLES[template][0]
  return { template, data: { ...sample, ...data }, to: 'a@example.com', locale } as Mail
}

/** A folder with these files. */
async function folderOf(t: Test, files: Record<string, string>): Promise<string> {
  const folder = t.testdir({})
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}

void t.test('every mail, in both languages: whole, and in its own language', (t) => {
  const { files } = readTemplateFiles()
  const render = rendererOf()
  for (const template of MAIL_TEMPLATES) {
    const [english, german] = ['en', 'de'].map((language) => {
      for (const part of ['txt', 'html']) t.ok(files.has(`${language}/${template}.${part}`))
      const mail = render(mailOf(template, language))
      t.match(mail.html, `<html lang="${language}">`)
      t.match(mail.html, `<title>${mail.subject}</title>`)
      t.match(mail.subject, /Latchkey/)
      t.notMatch(mail.text + mail.html, /undefined|null|<%|\bit\./)
      return mail
    })
    t.not(english!.subject, german!.subject, template)
    t.match(german!.text, /\bSie\b/, `${template}: German, and polite`)
  }
  t.end()
})

void t.test('the locale of a person: decides the language, English for any other', (t) => {
  const render = rendererOf()
  const languages = {
    de: ['de', 'DE', 'de-AT', 'de-CH', 'de-Latn-DE'],
    en: ['en', 'en-GB', 'fr', 'den', 'd', '../de', 'constructor', null]
  }
  for (const [language, locales] of Object.entries(languages)) {
    for (const locale of locales) {
      const { html } = render(mailOf('verify-email', locale))
      t.match(html, `<html lang="${language}">`, String(locale))
    }
  }
  t.end()
})

void t.test('a person who registers in German: is written to in German', async (t) => {
  const app = await startApp(t, { BRAND_NAME: 'Ameise & Söhne' })
  const email = freshEmail()
  await register(app, { email, locale: 'de-AT' })
  const mail = await mailTo(app, email)
  t.equal(mail.subject, 'Bestätigen Sie Ihre E-Mail-Adresse für Ameise & Söhne')
  t.match(mail.html, '<strong>Ameise &amp; Söhne</strong>')
})

void t.test('hostile values, in every template: one line, escaped, never a header', (t) => {
  const render = rendererOf()
  for (const template of MAIL_TEMPLATES) {
    for (const language of ['en', 'de']) {
      const names = Object.keys(MAIL_SAMPLES[template][0]!)
      const data = Object.fromEntries(names.map((name) => [name, HOSTILE]))
      const { subject, text, html } = render(mailOf(template, language, data))
      t.notMatch(subject, /[\r\n]|evil/, template)
      t.notMatch(html, /<script|alert\(1\)<|'">/, `${template}: escaped`)
      t.notMatch(text + html, /[\u202a-\u202e\u2066-\u2069\u200e\u200f\r]/, template)
      t.notMatch(text, /^Bcc:/m, `${template}: no line of its own`)
    }
  }
  t.end()
})

void t.test('a device called like a message, in a mail: a short name without a link', (t) => {
  const render = rendererOf()
  for (const device of [
    'Your account is locked, go to https://evil.example/login now',
    'www.evil.example',
    'evil\u3002example',
    'mail eve@evil.example',
    'http:\\\\evil.example',
    'x'.repeat(200)
  ]) {
    for (const template of ['new-device', 'session-reuse'] as const) {
      const { text } = render(mailOf(template, 'en', { device, issuer: 'I', resetLink: 'R' }))
      t.notMatch(text, /:\/\/|www\.|[a-z]\.[a-z]|@|。/i, device)
      t.ok(text.split('\n').every((line) => line.length < 90))
    }
  }
  const usual = 'Firefox 128.0 on Linux'
  t.match(render(mailOf('new-device', 'en', { device: usual })).text, usual)
  t.end()
})

void t.test(
  'somebody else’s address, registered under a name with a link: the mail has none of it',
  async (t) => {
    const app = await startApp(t)
    const email = freshEmail()
    const form = { email, name: 'Click http://evil.example', surname: 'evil.example', locale: 'de' }
    await register(app, { ...form, username: 'evil.example' })
    const [first] = await mailsTo(app, email, 1)
    await app.post('/auth/verify-email', { token: /token=([\w-]+)/.exec(first!.text)?.[1] })
    await register(app, { ...form, username: 'evil.again' })
    await app.post('/auth/forgot-password', { email })
    const mails = await mailsTo(app, email, 3)
    await outboxEmpty(app)
    for (const { subject, text, html } of mails) t.notMatch(subject + text + html, /evil/)
  }
)

void t.test(
  'a folder of templates: replaces ours, adds a language, falls back mail by mail',
  async (t) => {
    const folder = await folderOf(t, {
      'de/verify-email.txt.eta': 'Subject: Moin von <%= it.brand %>\r\n\r\n<%= it.link %>\r\n',
      'fr/verify-email.txt.eta': 'Subject: Bonjour\n\n<%= it.link %>\n',
      'fr/verify-email.html.eta': '<p><%= it.link %></p>',
      'layout.html.eta': '<main><%= it.body %></main>',
      'README.md': 'ours',
      '..data/ignored.eta': '<%'
    })
    const render = rendererOf({ MAIL_TEMPLATES_DIR: folder, BRAND_NAME: 'Elbe' })
    const german = render(mailOf('verify-email', 'de'))
    t.equal(german.subject, 'Moin von Elbe')
    t.notMatch(german.text, /\r/)
    t.match(german.html, /^<main>[\s\S]*Adresse bestätigen/, 'our HTML in their layout')
    t.equal(render(mailOf('verify-email', 'fr-CA')).subject, 'Bonjour')
    t.match(render(mailOf('reset-password', 'fr')).subject, /^Reset/, 'none of theirs: English')
    const hostile = render(mailOf('verify-email', 'fr', { link: '<b>"' }))
    t.match(hostile.html, '<p>&lt;b&gt;&quot;</p>', 'escaped in their templates too')
  }
)

const WRONG: Record<string, [files: Record<string, string>, problem: RegExp]> = {
  'a template that does not compile': [
    { 'de/verify-email.txt.eta': 'Subject: x\n\n<%= it.link' },
    /de\/verify-email\.txt\.eta: unclosed tag/
  ],
  'a template with a syntax error': [
    { 'de/verify-email.html.eta': '<%= it..link %>' },
    /de\/verify-email\.html\.eta: Bad template syntax/
  ],
  'an unknown variable': [
    { 'en/reset-password.html.eta': '<%= it.lnk %>' },
    /en\/reset-password\.html\.eta: it\.lnk is unknown, there are brand, code, issuer/
  ],
  'an unknown variable in the layout': [
    { 'layout.html.eta': '<%= it.footer %><%= it.body %>' },
    /layout\.html\.eta: it\.footer is unknown/
  ],
  'no subject': [
    { 'en/verify-email.txt.eta': 'Hello\n\n<%= it.link %>' },
    /en\/verify-email\.txt\.eta: needs a first line "Subject: …"/
  ],
  'a name of no mail': [
    { 'fr/verify-emial.txt.eta': 'Subject: x\n\ny' },
    /fr\/verify-emial\.txt\.eta: there is no mail of this name/
  ],
  'half a mail': [
    { 'fr/verify-email.txt.eta': 'Subject: x\n\ny' },
    /fr\/verify-email\.html\.eta: missing beside fr\/verify-email\.txt\.eta/
  ]
}

void t.test('a folder with a wrong template: the start refuses, naming the file', async (t) => {
  for (const [what, [files, problem]] of Object.entries(WRONG)) {
    const MAIL_TEMPLATES_DIR = await folderOf(t, files)
    t.throws(() => rendererOf({ MAIL_TEMPLATES_DIR }), { message: problem }, what)
    await t.rejects(startApp(t, { MAIL_TEMPLATES_DIR }), ConfigError, `${what}: the whole app`)
  }
  const missing = { MAIL_TEMPLATES_DIR: '/no/such/folder' }
  t.throws(() => rendererOf(missing), { message: /MAIL_TEMPLATES_DIR names a folder .*ENOENT/ })
})
