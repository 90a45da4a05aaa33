import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Eta } from 'eta'
import { MAIL_TEMPLATES } from './content.ts'

const OURS = join(import.meta.dirname, 'templates')

/** `layout.html`, and for each language and mail `LANGUAGE/NAME.txt` and `LANGUAGE/NAME.html`. */
export type TemplateFiles = Map<string, (values: object) => string>

/** Values come escaped already where that is due, so that no template can forget it. A text mail is laid out by its line breaks. */
const eta = new Eta({ autoEscape: false, autoTrim: false })

const LANGUAGE = /^[a-z]{2,8}(-[a-z0-9]{1,8})*$/i

/**
 * Reads and compiles our templates, and over them those of a folder of the same layout.
 * @returns the files, and what is wrong with the folder: one line for each
 */
export function readTemplateFiles(folder?: string): { files: TemplateFiles; problems: string[] } {
  const files: TemplateFiles = new Map()
  const problems: string[] = []
  addFolder(OURS, files, problems)
  if (folder !== undefined) {
    try {
      addFolder(folder, files, problems)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
      problems.push(`names a folder that cannot be read (${code})`)
    }
  }
  return { files, problems: [...problems, ...halves(files)] }
}

function addFolder(folder: string, files: TemplateFiles, problems: string[]) {
  for (const path of templatePaths(folder)) {
    const name = path.replace(/\.eta$/, '')
    if (!isKnown(name)) {
      problems.push(`${path}: there is no mail of this name`)
      continue
    }
    try {
      const source = readFileSync(join(folder, path), 'utf8').replace(/^\uFEFF/, '')
      const filled = eta.compile(source.replaceAll('\r\n', '\n'))
      files.set(name, (values) => eta.render(filled, values))
    } catch (error) {
      problems.push(`${path}: ${firstWords(error)}`)
    }
  }
}

/** Links are followed: that is how Kubernetes mounts files. Its own entries begin with a dot. */
function templatePaths(folder: string): string[] {
  const entries = readdirSync(folder).filter((entry) => !entry.startsWith('.'))
  return entries.flatMap((entry) => {
    if (!statSync(join(folder, entry)).isDirectory()) return entry.endsWith('.eta') ? [entry] : []
    const inside = readdirSync(join(folder, entry)).filter((file) => file.endsWith('.eta'))
    return inside.map((file) => `${entry}/${file}`)
  })
}

function isKnown(name: string): boolean {
  if (name === 'layout.html') return true
  const [language = '', file = ''] = name.split('/')
  const mail = file.replace(/\.(txt|html)$/, '')
  return LANGUAGE.test(language) && mail !== file && MAIL_TEMPLATES.some((one) => one === mail)
}

/** A mail has a text and an HTML part of one language. */
function halves(files: TemplateFiles): string[] {
  return [...files.keys()].flatMap((name) => {
    const other = name.endsWith('.txt')
      ? name.replace(/\.txt$/, '.html')
      : name.replace(/\.html$/, '.txt')
    const isWhole = name === 'layout.html' || files.has(other)
    return isWhole ? [] : [`${other}.eta: missing beside ${name}.eta`]
  })
}

/** What an error says, without the source that a parser repeats. */
export function firstWords(error: unknown): string {
  const lines = error instanceof Error ? error.message.split('\n') : [String(error)]
  return lines
    .filter((line) => line.trim() !== '')
    .slice(0, 2)
    .join(': ')
}
