import { setTimeout as delay } from 'node:timers/promises'
import { startAnswerThief, type AnswerThief } from '../support/faults/answer-thief.ts'
import { sendCall } from '../support/faults/call.ts'
import type { Ledger } from '../support/faults/ledger.ts'
import { startServer } from '../support/server.ts'
import { createScenario, type Scenario } from './scenario.ts'

/** SECURITY F5. */
const EXITS_WITHIN_MS = 25_000
const AWAY_MS = 3_000
const THEFTS = 30
const THEFT_WITHIN_MS = 5_000
const ACTS = [
  'POST /auth/refresh-token',
  'POST /auth/logout',
  'POST /auth/verify-email',
  'POST /auth/login',
  'POST /oauth/token',
  'POST /users/change-password'
]

const thieves: AnswerThief[] = []

/** F5: stopping in order cuts nothing; being killed loses nothing that was acknowledged. */
export const SERVERS: Scenario[] = [
  createScenario({
    name: 'server-stopped',
    title: 'F5 SIGTERM to one of two servers under load, back after 3 s',
    fault: async ({ servers, bases, env }, ledger, t) => {
      const [server] = servers
      const startedAtMs = performance.now()
      const balancer = leaveWhenNotReady(server!.port, ledger)
      const cutBefore = ledger.counts.unanswered
      const code = await server!.kill('SIGTERM')
      await balancer
      const tookMs = Math.round(performance.now() - startedAtMs)
      const notes = [
        ...(code === 0 ? [] : [`exit code ${code}`]),
        ...(tookMs <= EXITS_WITHIN_MS ? [] : [`exit after ${tookMs} ms`]),
        ...(ledger.counts.unanswered === cutBefore ? [] : ['requests were cut'])
      ]
      await delay(AWAY_MS)
      await startServer(t, { ...env, PORT: String(server!.port) })
      ledger.state.bases = bases
      return notes
    }
  }),
  createScenario({
    name: 'server-killed',
    title: 'F5 SIGKILL to each of two servers in turn under load, back after 3 s',
    fault: async ({ servers, env }, _ledger, t) => {
      for (const server of servers) {
        await server.kill('SIGKILL')
        await delay(AWAY_MS)
        await startServer(t, { ...env, PORT: String(server.port) })
      }
      return []
    }
  }),
  createScenario({
    name: 'answer-lost',
    title: `F5 one answer lost between client and server, ${THEFTS} times`,
    fault: async ({ bases }, ledger, t) => {
      for (const base of bases) thieves.push(await startAnswerThief(t, base))
      ledger.state.bases = thieves.map(({ origin }) => origin)
      let stolen = 0
      for (let theft = 0; theft < THEFTS; theft += 1) {
        const thief = thieves[theft % thieves.length]!
        const taken = thief.steal({ of: ACTS[theft % ACTS.length]!, leaves: 'reset' })
        stolen += await Promise.race([taken.then(() => 1), delay(THEFT_WITHIN_MS, 0)])
      }
      ledger.state.bases = bases
      return stolen >= THEFTS / 2 ? [] : [`only ${stolen} answers were lost`]
    }
  })
]

/** What a balancer does: sends nothing more to a server that says that it is not ready. */
async function leaveWhenNotReady(port: number, ledger: Ledger): Promise<void> {
  const base = `http://127.0.0.1:${port}`
  while ((await sendCall(base, { path: '/readyz' }))?.status === 200) await delay(50)
  ledger.state.bases = ledger.state.bases.filter((other) => other !== base)
}
