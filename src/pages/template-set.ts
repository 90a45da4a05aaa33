import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Eta } from 'eta'

const OUR_OWN = join(import.meta.dirname, 'templates')
const EXTENSION = '.eta'

/** Fills a template of that name, in its layout; every value is escaped. */
export type RenderTemplate = (template: string, data: object) => string

/**
 * Our templates, each replaced by the file of its name in `directory`. All are compiled here and now, so
 * that a mistake shows at the start and not to whoever opens the page.
 * @returns the templates, or what is wrong with the folder
 */
export function readTemplates(directory: string | undefined): RenderTemplate | string[] {
  const sources = readFolder(OUR_OWN)
  if (directory !== undefined) {
    try {
      for (const [name, source] of readFolder(directory)) sources.set(name, source)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
      return [`names a folder that cannot be read (${code})`]
    }
  }
  const eta = new Eta({ cache: true, views: OUR_OWN })
  // Names stand for sources: nothing is read from the disk once the server runs.
  eta.resolvePath = (name) => name.replace(/\.eta$/, '')
  eta.readFile = (name) => {
    const source = sources.get(name)
    if (source === undefined) throw new Error(`There is no page template ${name}.`)
    return source
  }
  const problems: string[] = []
  for (const [name, source] of sources) {
    try {
      eta.compile(source)
    } catch (error) {
      const [why = ''] = (error as Error).message.split('\n')
      problems.push(`holds ${name}${EXTENSION}, which is no template (${why})`)
    }
  }
  if (problems.length > 0) return problems
  return (template, data) => eta.render(template, data)
}

function readFolder(directory: string): Map<string, string> {
  const files = readdirSync(directory).filter((file) => file.endsWith(EXTENSION))
  return new Map(
    files.map((file) => [
      file.slice(0, -EXTENSION.length),
      readFileSync(join(directory, file), 'utf8')
    ])
  )
}
