import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A table in a document whose rows come from the code. */
export type MarkdownTable = {
  /** From the project's root. */
  file: string
  columns: string[]
  /** A list of cells each. */
  rows: () => string[][]
}

const ROOT = join(import.meta.dirname, '..', '..')

/** The rows as the code has them. */
export function expectedRows({ rows }: MarkdownTable): string {
  return rows()
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('')
}

/** The rows as the document has them. */
export async function documentedRows(table: MarkdownTable): Promise<string> {
  return patternOf(table).exec(await readFile(join(ROOT, table.file), 'utf8'))?.[2] ?? ''
}

/** Writes the rows anew, and leaves all around them. */
export async function writeRows(table: MarkdownTable): Promise<void> {
  const path = join(ROOT, table.file)
  const text = await readFile(path, 'utf8')
  await writeFile(
    path,
    text.replace(patternOf(table), (_all, head: string) => head + expectedRows(table))
  )
}

/** The head of the table, then its rows. */
function patternOf({ columns }: MarkdownTable): RegExp {
  const head = `\\| ${columns.join(' \\| ')} \\|\\n\\|${'---\\|'.repeat(columns.length)}\\n`
  return new RegExp(`(${head})((?:\\|.*\\n)*)`)
}
