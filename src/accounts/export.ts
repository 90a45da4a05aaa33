import type { FindActs } from '../audit/acts.ts'
import type { AuditTrail } from '../audit/trail.ts'
import type { ExportStore } from './export-store.ts'
import { toWireUser, type User } from './user.ts'

/** What is in memory at a time. */
const PAGE = 500

export type ExportDeps = {
  store: ExportStore
  findEvents: AuditTrail['find']
  /** What they did to others, as an administrator. */
  findActs: FindActs
}

/** Everything that is held about a person, as one JSON document that is written while it is read. */
export function createExport({ store, findEvents, findActs }: ExportDeps) {
  return async function* exportData(user: User): AsyncGenerator<string> {
    const known = { user: toWireUser(user), ...(await store.findTraces(user.id)) }
    yield JSON.stringify(known).slice(0, -1)
    yield* list('sessions', (before) => store.findSessions(user.id, PAGE, before))
    yield* list('events', (before) => findOwnEvents(user.id, before))
    yield* list('acts', (before) => findActs({ actorId: user.id, limit: PAGE, ...before }))
    yield '}'
  }

  /** What an administrator did is told; from where is theirs. */
  async function findOwnEvents(userId: string, before: { before?: string }) {
    const events = await findEvents({ userId, limit: PAGE, ...before })
    return events.map((event) => (event.actorId === null ? event : { ...event, address: null }))
  }
}

/** A field with a list, page after page; `before` is the id of the last one written. */
async function* list(
  field: string,
  findPage: (before: { before?: string }) => Promise<{ id: string }[]>
): AsyncGenerator<string> {
  yield `,"${field}":[`
  let cursor: { before?: string } = {}
  for (;;) {
    const page = await findPage(cursor)
    const last = page.at(-1)
    if (last === undefined) break
    const comma = cursor.before === undefined ? '' : ','
    yield comma + page.map((item) => JSON.stringify(item)).join(',')
    if (page.length < PAGE) break
    cursor = { before: last.id }
  }
  yield ']'
}
