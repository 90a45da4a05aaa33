import { AUDIT_EVENTS } from '../audit/events.ts'

const TYPES = Object.keys(AUDIT_EVENTS)

/** Whether a filter names anything: an event, the beginning of some (`account.*`), or `*`. */
export function isKnownFilter(filter: string): boolean {
  if (filter === '*' || TYPES.includes(filter)) return true
  return filter.endsWith('.*') && TYPES.some((type) => type.startsWith(filter.slice(0, -1)))
}
