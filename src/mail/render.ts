import { ConfigError, type Config } from '../config.ts'
import { asName, escapeHtml, oneLine } from '../lib/plain-text.ts'
import { MAIL_SAMPLES, MAIL_TEMPLATES, type CommonData, type Mail } from './content.ts'
import { firstWords, readTemplateFiles, type TemplateFiles } from './templates.ts'

export type RenderMail = ReturnType<typeof createMailRenderer>['render']

type Values = Record<string, string | number | null>

/** How the values are handed to a template; the check hands them over so that an unknown one throws. */
type Hand = (values: Values) => Values

const FALLBACK = 'en'

/** What people have written themselves: whoever reads the mail may be somebody else. */
const NAMES_BY_PEOPLE = new Set(['device'])

/**
 * The templates of this server, each of them filled once before the first mail.
 * @throws {ConfigError} naming every file of `MAIL_TEMPLATES_DIR` that cannot be used
 */
export function openMailTemplates({ mailTemplatesDir, brandName, issuer }: Config) {
  const { files, problems } = readTemplateFiles(mailTemplatesDir)
  const renderer = createMailRenderer(files, { brand: brandName, issuer })
  const wrong = problems.length > 0 ? problems : renderer.check()
  if (wrong.length > 0) throw new ConfigError(wrong.map((line) => `MAIL_TEMPLATES_DIR ${line}`))
  return renderer.render
}

function createMailRenderer(files: TemplateFiles, common: Omit<CommonData, 'language'>) {
  /** The nearest language that has this mail: `de` for `de-AT`, English where there is none. */
  function languageFor({ template, locale }: Pick<Mail, 'template' | 'locale'>): string {
    const asked = locale?.toLowerCase() ?? FALLBACK
    const candidates = [asked, asked.split('-')[0]]
    const names = [...files.keys()]
    const name = candidates
      .map((language) => names.find((one) => one.toLowerCase() === `${language}/${template}.txt`))
      .find((found) => found !== undefined)
    return name?.split('/')[0] ?? FALLBACK
  }

  function fill(name: string, values: Values): string {
    const file = files.get(name)
    if (file === undefined) throw new Error(`${name}.eta: missing`)
    try {
      return file(values)
    } catch (error) {
      throw new Error(`${name}.eta: ${firstWords(error)}`, { cause: error })
    }
  }

  /** Fills the templates of a mail in one language. The text one begins with a line `Subject: …`. */
  function renderIn(
    language: string,
    { template, data }: Pick<Mail, 'template' | 'data'>,
    hand: Hand
  ) {
    const told = mapText({ ...common, language, ...data }, (text, name) =>
      NAMES_BY_PEOPLE.has(name) ? asName(text) : oneLine(text)
    )
    const source = fill(`${language}/${template}.txt`, hand(told))
    const [, subject = '', text = ''] = /^Subject: (.+)\n+([\s\S]*)$/.exec(source) ?? []
    const safe = mapText(told, escapeHtml)
    const body = fill(`${language}/${template}.html`, hand(safe))
    const frame = mapText({ ...common, language, subject }, escapeHtml)
    return { subject, text, html: fill('layout.html', hand({ ...frame, body })) }
  }

  /** Fills the templates of a mail in its reader's language. In the HTML part every value is escaped. */
  function render(mail: Mail): { subject: string; text: string; html: string } {
    return renderIn(languageFor(mail), mail, (values) => values)
  }

  /** Fills every template with sample data. @returns what is wrong, by file */
  function check(): string[] {
    const languages = new Set([...files.keys()].map((name) => name.split('/')[0] ?? ''))
    languages.delete('layout.html')
    const problems = [...languages].flatMap((language) =>
      MAIL_TEMPLATES.filter((template) => files.has(`${language}/${template}.txt`)).flatMap(
        (template) =>
          MAIL_SAMPLES[template].flatMap((data) => trouble(language, { template, data } as Mail))
      )
    )
    return [...new Set(problems)]
  }

  function trouble(language: string, mail: Mail): string[] {
    const name = `${language}/${mail.template}`
    try {
      const { subject, text } = renderIn(language, mail, refusingUnknown)
      const isWhole = subject.trim() !== '' && text.trim() !== ''
      return isWhole ? [] : [`${name}.txt.eta: needs a first line "Subject: …" and text below it`]
    } catch (error) {
      return [firstWords(error)]
    }
  }

  return { render, check }
}

function mapText(values: Values, change: (text: string, name: string) => string): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' ? change(value, name) : value
    ])
  )
}

/** `undefined` would stand in the mail where a template names what there is not. */
function refusingUnknown(values: Values): Values {
  return new Proxy(values, {
    get: (target, name) => {
      const value = target[String(name)]
      if (value !== undefined) return value
      const known = Object.keys(target).sort().join(', ')
      throw new Error(`it.${String(name)} is unknown, there are ${known}`)
    }
  })
}
