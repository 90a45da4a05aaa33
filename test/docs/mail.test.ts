import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { SETTINGS } from '../../src/settings.ts'
import { MAIL_SAMPLES, MAIL_TEMPLATES } from '../../src/mail/content.ts'
import { startApp } from '../support/app.ts'
import { freshEmail, mailTo, secretsOf } from '../support/builders.ts'
import { register, verify } from '../support/registrations.ts'

const page = await readFile(join(import.meta.dirname, '../../docs/mail.md'), 'utf8')

void t.test('the templates of the page, put into a folder: a French mail that works', async (t) => {
  const blocks = Array.from(page.matchAll(/^`(.+\.eta)`\n```eta\n([\s\S]*?)^```/gm))
  t.equal(blocks.length, 2)
  const MAIL_TEMPLATES_DIR = t.testdir({})
  for (const [, path = '', content = ''] of blocks) {
    await mkdir(dirname(join(MAIL_TEMPLATES_DIR, path)), { recursive: true })
    await writeFile(join(MAIL_TEMPLATES_DIR, path), content)
  }
  const app = await startApp(t, { MAIL_TEMPLATES_DIR })
  const email = freshEmail()
  await register(app, { email, locale: 'fr-FR' })
  const mail = await mailTo(app, email)
  t.equal(mail.subject, 'Confirmez votre adresse pour Latchkey')
  t.match(mail.html, '<html lang="fr">')
  t.match(mail.html, />Confirmer<\/a>/)
  t.equal((await verify(app, { email, code: secretsOf(mail).code })).statusCode, 200)
})

void t.test(
  'what the page names: the templates with their data, the settings, their defaults',
  (t) => {
    const rows = Array.from(page.matchAll(/^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| (.*) \|$/gm))
    const told = rows.flatMap(([, names = '', data = '']) =>
      wordsOf(names).map((name) => [name, wordsOf(data.replace('`null`', ''))] as const)
    )
    const real = MAIL_TEMPLATES.map((name) => [
      name,
      Object.keys(MAIL_SAMPLES[name][0]!).filter((field) => field !== 'issuer')
    ])
    const inOrder = (rows: readonly (readonly [string, string[]])[]) =>
      Object.fromEntries(rows.map(([name, fields]) => [name, [...fields].sort()]))
    t.same(inOrder(told), inOrder(real as [string, string[]][]))
    const names = Object.values(SETTINGS).map(({ name }) => name)
    for (const [, name = ''] of page.matchAll(/`((?:SMTP|MAIL|BRAND|DATA)_[A-Z_]+?)(?:_FILE)?`/g)) {
      t.ok(names.includes(name), name)
    }
    t.end()
  }
)

function wordsOf(text: string): string[] {
  return Array.from(text.matchAll(/`([\w-]+)`/g), ([, word = '']) => word)
}
