import type { FactsStore } from './facts-store.ts'
import { amount, note, ok, warn, type Finding } from './finding.ts'

type AuditMonthsSubject = { facts: Pick<FactsStore, 'auditMonths'> }

/** The partitions of the audit trail: whether the next month has one, and what lies in none. */
export async function lookAtAuditMonths({ facts }: AuditMonthsSubject): Promise<Finding[]> {
  const { partitions, hasNext, strays } = await facts.auditMonths()
  const found: Finding[] = []
  if (!hasNext) {
    const says =
      'The next month of the audit trail has no partition; its events will lie in the default one.'
    const todo =
      'Start a server: it makes it within ten minutes, or logs why not. Its role has to own the tables.'
    found.push(warn(says, todo))
  }
  if (strays > 0) {
    const says = `${amount(strays, 'audit event')} in the default partition: no month took them.`
    found.push(note(says, 'They are read like all others; docs/audit.md says how they come there.'))
  }
  if (found.length > 0) return found
  return [ok(`${amount(partitions, 'partition')}, the next month's among them.`)]
}
