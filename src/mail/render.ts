import { join } from 'node:path'
import { Eta } from 'eta'
import type { Mail } from './outbox.ts'

/** A text mail is laid out by its line breaks, so none of them is trimmed. */
const eta = new Eta({ views: join(import.meta.dirname, 'templates'), cache: true, autoTrim: false })

const LANGUAGES = ['en']

/** The nearest language there are templates for; English where there is none. */
function languageOf(locale: string | null): string {
  const language = locale?.split('-')[0]?.toLowerCase()
  return LANGUAGES.find((candidate) => candidate === language) ?? 'en'
}

/**
 * Fills the templates of a mail. The text one begins with a line `Subject: …`; in the HTML one every
 * value is escaped.
 */
export async function renderMail(
  mail: Mail
): Promise<{ subject: string; text: string; html: string }> {
  const name = `${languageOf(mail.locale)}/${mail.template}`
  const source = await eta.renderAsync(`${name}.txt.eta`, mail.data)
  const html = await eta.renderAsync(`${name}.html.eta`, mail.data)
  const [, subject = '', text = ''] = /^Subject: (.*)\n+([\s\S]*)$/.exec(source) ?? []
  return { subject, text, html }
}
