import { UnavailableError } from '../../errors.ts'

/** Serialization failure and deadlock: Postgres has rolled back, and asks to be asked again. */
const CONFLICT = /^(40001|40P01)$/
/** A standby, or a primary that is being left, refused to write. */
const READ_ONLY = '25006'
/** "does not exist" and "already exists": somebody else's connection was given to us between two statements. */
const FOREIGN_STATEMENT = /^(26000|42P05)$/

const FOREIGN_KEY = '23503'

/** Connection exceptions, resources, operator intervention, a standby's read-only refusal, lock timeouts. */
const UNAVAILABLE_SQLSTATE = /^(08...|53...|57P..|57014|25006|55P03|40001|40P01)$/
const UNAVAILABLE_SYSTEM = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|ENET)/
/** Prisma: cannot reach, timed out, connection closed, pool timeout, transaction not started or expired. */
const UNAVAILABLE_PRISMA = /^P(1001|1002|1008|1017|2024|2028|2034)$/
const UNAVAILABLE_MESSAGE =
  /timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|not queryable|^(ConnectionClosed|DatabaseNotReachable|SocketTimeout)$/i

/** What a fault of the driver or of Prisma means for whoever asked. */
export type Fault = 'conflict' | 'read only' | 'foreign statement' | 'unavailable' | 'ours'

export function faultOf(error: unknown): Fault {
  if (error instanceof UnavailableError) return 'ours' // said already
  const beneath = chainOf(error)
  const codes = beneath.flatMap(({ code, originalCode }) => [code, originalCode]).filter(isText)
  if (codes.some((code) => CONFLICT.test(code) || code === 'P2034')) return 'conflict'
  if (codes.includes(READ_ONLY)) return 'read only'
  if (codes.some((code) => FOREIGN_STATEMENT.test(code))) return 'foreign statement'
  const patterns = [UNAVAILABLE_SQLSTATE, UNAVAILABLE_SYSTEM, UNAVAILABLE_PRISMA]
  if (codes.some((code) => patterns.some((pattern) => pattern.test(code)))) return 'unavailable'
  const messages = beneath.map(({ message }) => message).filter(isText)
  return messages.some((text) => UNAVAILABLE_MESSAGE.test(text)) ? 'unavailable' : 'ours'
}

/** What was to belong to a person who was erased since: the only reference that outlives its check. */
export function isOfNobody(error: unknown): boolean {
  const beneath = chainOf(error)
  const codes = beneath.flatMap(({ code, originalCode }) => [code, originalCode])
  if (!codes.includes(FOREIGN_KEY)) return false
  const messages = beneath.flatMap(({ message, originalMessage }) => [message, originalMessage])
  return messages.filter(isText).some((text) => text.includes('_user_id_fkey'))
}

type Layer = {
  code?: unknown
  originalCode?: unknown
  message?: unknown
  originalMessage?: unknown
  cause?: unknown
  meta?: { driverAdapterError?: unknown }
}

/** Prisma keeps the driver's error as `cause`, or, of raw statements, in `meta`. */
function chainOf(error: unknown, depth = 0): Layer[] {
  if (typeof error !== 'object' || error === null || depth > 5) return []
  const layer = error as Layer
  const beneath = [layer.cause, layer.meta?.driverAdapterError]
  return [layer, ...beneath.flatMap((cause) => chainOf(cause, depth + 1))]
}

const isText = (value: unknown): value is string => typeof value === 'string'
