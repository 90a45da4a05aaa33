import t from 'tap'
import { createClientMemory } from '../../src/oauth/client-memory.ts'
import { createClientStore } from '../../src/oauth/client-store.ts'
import type { Postgres } from '../../src/platform/postgres.ts'

/** How old what is said of a client may be. */
const FRESH_MS = 250

void t.test(
  'a client that Postgres is slow to tell of: joined, but for who asks too late',
  async (t) => {
    const asked: ReturnType<typeof Promise.withResolvers<unknown[]>>[] = []
    const postgres = {
      query: () => {
        const answer = Promise.withResolvers<unknown[]>()
        asked.push(answer)
        return answer.promise
      }
    } as unknown as Postgres
    const { find } = createClientStore(postgres, createClientMemory())
    const { now } = Date
    t.teardown(() => (Date.now = now))

    const both = [find('shop'), find('shop')]
    t.equal(asked.length, 1)
    Date.now = () => now() + FRESH_MS + 1
    const late = find('shop')
    t.equal(asked.length, 2)
    asked[1]!.resolve([])
    t.equal(await late, null, 'disabled by then')
    asked[0]!.resolve([{ version: '1', client: { id: 'shop', secretHashes: [] } }])
    t.match(await Promise.all(both), [{ id: 'shop' }, { id: 'shop' }])
  }
)
