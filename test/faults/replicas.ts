import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { sendCall } from '../support/faults/call.ts'
import { startBalancer } from '../support/proxies.ts'
import { startServer } from '../support/server.ts'
import { createScenario, type Scenario } from './scenario.ts'

const BETWEEN_MS = 3_000
const world = { servers: 3 }

/** Three servers behind a real HAProxy, set up as `examples/haproxy/replicas.cfg` says. */
export const REPLICAS: Scenario[] = [
  createScenario({
    name: 'replicas-killed',
    title: 'Scale: one of three servers behind HAProxy killed under load',
    world,
    through: async ({ servers }, t) => [await balanced(t, servers)],
    fault: async ({ servers }, ledger) => {
      await servers[1]!.kill('SIGKILL')
      await delay(BETWEEN_MS)
      const cutReads = ledger.samples.filter(
        ({ path, status, isOwn }) =>
          READS.includes(path) && !isOwn && (status === 0 || status >= 500)
      )
      return cutReads.length === 0 ? [] : [`${cutReads.length} reads failed, HAProxy repeats them`]
    }
  }),
  createScenario({
    name: 'replicas-rolled',
    title: 'Scale: SIGTERM to each of three servers in turn behind HAProxy, each started again',
    world,
    through: async ({ servers }, t) => [await balanced(t, servers)],
    fault: async ({ servers, env }, _ledger, t) => {
      const notes: string[] = []
      for (const { port, kill } of servers) {
        const code = await kill('SIGTERM')
        if (code !== 0) notes.push(`exit code ${code}`)
        await startServer(t, { ...env, PORT: String(port) })
        await delay(BETWEEN_MS)
      }
      return notes
    },
    promises: { alwaysServes: true }
  })
]

const READS = ['/verify-token', '/oauth/userinfo', '/oauth/authorize']

async function balanced(...[t, servers]: Parameters<typeof startBalancer>): Promise<string> {
  const base = `http://127.0.0.1:${await startBalancer(t, servers)}`
  await eventually('the balancer', async () => {
    return (await sendCall(base, { path: '/readyz' }))?.status === 200
  })
  return base
}
