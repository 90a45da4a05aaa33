// npm run settings-table: writes the README's table of settings anew from src/settings.ts.
import { SETTINGS } from '../src/settings.ts'
import { writeRows, type MarkdownTable } from './support/markdown-table.ts'

export const settingsTable: MarkdownTable = {
  file: 'README.md',
  columns: ['setting', 'default', 'what it is'],
  rows: () =>
    Object.values(SETTINGS).map(({ name, shown, fallback, doc }) => {
      const isLiteral = fallback !== undefined && !Array.isArray(fallback)
      return [`\`${name}\``, isLiteral ? `\`${shown}\`` : shown, doc]
    })
}

if (import.meta.main) await writeRows(settingsTable)
