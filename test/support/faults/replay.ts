import { setTimeout as delay } from 'node:timers/promises'
import { refreshing, verifying, type Ledger, type Refusal } from './ledger.ts'
import type { Load } from './load.ts'

const AT_ONCE = 8
/** From commit to refusal at every server (SECURITY T7). */
const TOLD_WITHIN_MS = 1_000

/** Once all is well again: shows every server everything that was acknowledged. The ledger has what is broken. */
export async function replayLedger(ledger: Ledger, { acts, oldTokens }: Load): Promise<void> {
  const { broken, sessions, people, refusals } = ledger
  ledger.state.phase = 'replay'
  await delay(TOLD_WITHIN_MS)
  const persons = [...people]
  const held = [...sessions]

  await inTurn(held, async (session) => {
    for (const base of ledger.state.bases)
      await untilAnswered(() => ledger.trySession(session, base))
    for (let turn = 0; turn < 2; turn += 1) await acts.refresh(session)
  })
  await inTurn(persons, async ({ email, password }) => {
    const answer = await ledger.insist({ path: '/auth/login', json: { email, password } })
    if (answer.status !== 200) broken.lost.push(`a person: login gave ${answer.status}`)
  })
  const [once, everywhere] = [
    refusals.filter(({ onlyAtEnd }) => onlyAtEnd),
    refusals.filter(({ onlyAtEnd }) => !onlyAtEnd)
  ]
  await inTurn(everywhere, async (refusal) => {
    for (const base of ledger.state.bases) await show(refusal, base)
  })
  await inTurn(once, (refusal) => show(refusal, ledger.state.bases[0]!))

  // A token of long ago is theft: it opens nothing, and its session dies at every server.
  const stolen = oldTokens.filter(
    ({ session, token }) => session.isLive && session.refreshToken !== token
  )
  await inTurn(stolen, async ({ session, token }) => {
    session.isLive = false
    for (const shown of [token, session.refreshToken]) {
      const { status } = await ledger.insist(refreshing(shown))
      if (status !== 401) broken.letIn.push(`an old refresh token, or its successors: ${status}`)
    }
  })
  await delay(TOLD_WITHIN_MS)
  await inTurn(stolen, async ({ session }) => {
    for (const base of ledger.state.bases) {
      const { status } = await ledger.insist(verifying(session.accessToken), base)
      if (status !== 401) broken.letIn.push(`the access token of a stolen session: ${status}`)
    }
  })

  async function show(refusal: Refusal, base: string): Promise<void> {
    await untilAnswered(() => ledger.tryRefusal(refusal, base))
  }
}

/** Also through what is shed, which is a refusal, but not this one. */
async function untilAnswered(ask: () => Promise<{ status: number } | null>): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await ask()
    if (answer !== null && answer.status < 500) return
    await delay(50)
  }
  throw new Error('no server answers after the fault')
}

async function inTurn<T>(list: T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const waiting = [...list]
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  })
  await Promise.all(workers)
}
