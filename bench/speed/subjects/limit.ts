import type { JsonWebKey } from 'node:crypto'
import { join } from 'node:path'
import { startChild } from '../child-server.ts'
import { JSON_TYPE } from '../operations.ts'
import type { Place } from '../place.ts'

type LimitTold = { keys: JsonWebKey[]; tokens: string[] }

/** Bare Fastify. */
export async function limitSubject(place: Place) {
  const file = join(import.meta.dirname, '../limits/server.ts')
  const env = { DATABASE_URL: await place.createDatabase('limit_bench') }
  const started = await startChild<LimitTold>(place, { name: 'the limit', file, env })
  const { port, told, program } = started
  const hello = () => ({ kind: 'fixed' as const, path: '/hello', expected: '"hello":"world"' })
  const refresh = () => ({
    kind: 'refresh' as const,
    path: '/refresh',
    headers: JSON_TYPE,
    form: 'json' as const,
    ...told
  })
  return { port, program, hello, refresh }
}
