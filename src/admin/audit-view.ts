import type { Static } from 'typebox'
import type { TrailEntry } from '../audit/shown-event.ts'
import type { AuditEntry } from './schemas.ts'

/** An event on the wire. */
export function toWireEvent(entry: TrailEntry): Static<typeof AuditEntry> {
  return {
    id: entry.id,
    at: entry.at.toISOString(),
    type: entry.type,
    user_id: entry.userId,
    actor_id: entry.actorId,
    session_id: entry.sessionId,
    client_id: entry.clientId,
    request_id: entry.requestId,
    address: entry.address,
    details: entry.details as Record<string, unknown>
  }
}

const COLUMNS = [
  'id',
  'at',
  'type',
  'user_id',
  'actor_id',
  'session_id',
  'client_id',
  'request_id',
  'address',
  'details'
] as const

/** Events as CSV (RFC 4180), for spreadsheets: nothing in a cell is taken for a formula. */
export function toCsv(entries: TrailEntry[]): string {
  const rows = entries.map(toWireEvent).map((event) => COLUMNS.map((column) => cell(event[column])))
  return [[...COLUMNS], ...rows].map((row) => `${row.join(',')}\r\n`).join('')
}

function cell(value: unknown): string {
  const text = typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value)
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return `"${harmless.replaceAll('"', '""')}"`
}
