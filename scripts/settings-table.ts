// npm run settings-table: writes the README's table of settings anew from src/settings.ts.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SETTINGS } from '../src/settings.ts'

const README = join(import.meta.dirname, '..', 'README.md')
const TABLE = /(\| setting \| default \| what it is \|\n\|---\|---\|---\|\n)((?:\|.*\n)+)/

/** The rows of the table, a setting each. */
export function settingsTable(): string {
  const rows = Object.values(SETTINGS).map(({ name, shown, fallback, doc }) => {
    const isLiteral = fallback !== undefined && !Array.isArray(fallback)
    return `| \`${name}\` | ${isLiteral ? `\`${shown}\`` : shown} | ${doc} |\n`
  })
  return rows.join('')
}

/** The rows as the README has them. */
export async function readmeTable(): Promise<string> {
  return TABLE.exec(await readFile(README, 'utf8'))?.[2] ?? ''
}

if (import.meta.main) {
  const readme = await readFile(README, 'utf8')
  await writeFile(
    README,
    readme.replace(TABLE, (_table, head: string) => head + settingsTable())
  )
}
