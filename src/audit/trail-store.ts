import type { Statement } from '../platform/postgres.ts'
import type { Reader } from '../platform/replica.ts'
import { EVENT_COLUMNS, type StoredEvent } from './event-row.ts'

/** Which events are asked for; `before` is the id of the last one seen. */
export type TrailFilter = {
  userId?: string
  type?: string
  before?: string
  /** At most {@link MAX_PAGE}. */
  limit: number
}

const MAX_PAGE = 500

export function createTrailStore(reader: Reader) {
  /** The newest first. */
  async function find(filter: TrailFilter): Promise<StoredEvent[]> {
    const { userId, type, before, limit } = filter
    if (limit > MAX_PAGE) throw new RangeError(`At most ${MAX_PAGE} events at a time.`)
    const values = [userId, type, before].filter((value) => value !== undefined)
    return reader.query<StoredEvent>(pageWhere(filter), [limit, ...values])
  }

  return { find }
}

/**
 * One statement for each set of conditions, so that Postgres plans it once for a connection and for good: to plan a
 * look at every month takes longer than the look. It keeps such a plan only where that seems no worse to it than
 * planning anew each time, and for that it must know how few rows are wanted: hence the LIMIT that is no parameter.
 *
 * `= ANY` of one, with the order to match, leaves Postgres the index that begins with this column. After a plain `=`
 * it may go by the primary key instead: where the statistics of a month say that a type never happened in it, both
 * seem to cost nothing, and it reads the whole month.
 */
function pageWhere({ userId, type, before }: TrailFilter): Statement {
  const names: string[] = []
  const conditions: string[] = []
  const given = (name: string, condition: (parameter: string) => string) => {
    names.push(name)
    conditions.push(condition(`$${names.length + 1}`))
  }
  let order = 'id DESC'
  if (userId !== undefined) {
    given('person', (parameter) => `user_id = ANY (ARRAY[${parameter}]::uuid[])`)
    order = 'user_id DESC, id DESC'
  }
  if (type !== undefined && userId === undefined) {
    given('type', (parameter) => `type = ANY (ARRAY[${parameter}]::text[])`)
    order = 'type DESC, id DESC'
  } else if (type !== undefined) {
    // No index is to be thought of here: a person has fewer events than a type.
    given('type', (parameter) => `type || '' = ${parameter}`)
  }
  if (before !== undefined) given('before', (parameter) => `id < ${parameter}`)
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
  return {
    name: ['audit_trail', ...names].join('_'),
    text: `
      SELECT ${EVENT_COLUMNS}
        FROM (SELECT * FROM audit_event ${where} ORDER BY ${order} LIMIT ${MAX_PAGE}) AS e
       ORDER BY ${order} LIMIT $1`
  }
}
