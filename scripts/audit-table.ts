// npm run audit-table: writes the table of events in docs/audit.md anew from src/audit/events.ts.
import { AUDIT_EVENTS } from '../src/audit/events.ts'
import { writeRows, type MarkdownTable } from './support/markdown-table.ts'

export const auditTable: MarkdownTable = {
  file: 'docs/audit.md',
  columns: ['event', 'when'],
  rows: () => Object.entries(AUDIT_EVENTS).map(([type, when]) => [`\`${type}\``, when])
}

if (import.meta.main) await writeRows(auditTable)
