import { setTimeout as delay } from 'node:timers/promises'
import { createActs, type Acts, type FindLink, type Person } from './acts.ts'
import { givenApplication, type Application } from './application.ts'
import { anyOf, LoadEnded, type HeldSession, type Ledger } from './ledger.ts'

/** How many clients of each kind, and what each waits between two acts. */
export type Crowd = {
  refreshers: number
  visitors: number
  newcomers: number
  changers: number
  revokers: number
  administrators: number
  applications: number
  probers: number
  pauseMs: number
}

const CROWD: Crowd = {
  refreshers: 8,
  visitors: 2,
  newcomers: 2,
  changers: 1,
  revokers: 2,
  administrators: 1,
  applications: 2,
  probers: 3,
  pauseMs: 100
}

/**
 * How long clients may go on with what they have begun, once no new act is begun: a mail whose sender stalled
 * or died waits for the end of its lease, which is a minute, and for its turn.
 */
const SETTLE_MS = 120_000
/** Guesses that lock an account, and one more. */
const GUESSES = 6

export type LoadOptions = {
  ledger: Ledger
  /** Where the mails arrive. */
  findLink: FindLink
  /** A look at the database: makes the administrator, and holds the locks. */
  sql: (text: string, values?: unknown[]) => Promise<unknown>
  crowd?: Partial<Crowd>
}

export type Load = Awaited<ReturnType<typeof startLoad>>

/** People and applications at work on all servers of the ledger, until they are told to stop. */
export async function startLoad(options: LoadOptions) {
  const { ledger, findLink, sql, crowd } = options
  const wanted = { ...CROWD, ...crowd }
  const acts = createActs(ledger, findLink)
  const state = { isStopping: false }

  const people = (count: number) => Promise.all(Array.from({ length: count }, acts.newPerson))
  const [refreshers, visitors, changers, revokers, buyers, [admin, locked]] = await Promise.all([
    people(wanted.refreshers),
    people(wanted.visitors),
    people(wanted.changers),
    people(wanted.revokers),
    people(wanted.applications),
    people(2)
  ])
  await lock(ledger, locked!, sql)
  const office = await loginAsAdministrator(acts, admin!, sql)
  const application = await givenApplication(ledger, office)
  const loops = createLoops(ledger, acts)

  /** Goes through one act again and again; a client that cannot go on any more is told by the ledger. */
  async function repeat(act: () => Promise<boolean>): Promise<void> {
    try {
      while (!state.isStopping && !ledger.state.isEnded && (await act()))
        await delay(wanted.pauseMs * (0.5 + Math.random()))
    } catch (error) {
      if (!(error instanceof LoadEnded)) ledger.unexpected.push(String(error))
    }
  }

  const many = (count: number, act: () => Promise<boolean>) =>
    Array.from({ length: count }, () => repeat(act))
  ledger.state.phase = 'before'
  const oldTokens: { session: HeldSession; token: string }[] = []
  const working = [
    ...(await Promise.all(refreshers.map(acts.login))).map((session) => {
      const old = { session, token: session.refreshToken }
      oldTokens.push(old)
      return repeat(async () => (await acts.refresh(session)) !== null)
    }),
    ...visitors.map((person) => repeat(() => loops.visit(person))),
    ...changers.map((person) => repeat(() => loops.changePassword(person))),
    ...revokers.map((person) => repeat(() => loops.revoke(person))),
    ...many(wanted.newcomers, () => loops.join()),
    ...many(wanted.administrators, () => loops.disable(office)),
    ...many(wanted.probers, () => loops.probe()),
    ...(application === undefined
      ? []
      : buyers.map((person) => useApplication(person, application)))
  ]

  async function useApplication(person: Person, { openBrowser, visit }: Application) {
    const browser = await openBrowser(person)
    await repeat(async () => {
      await visit(browser)
      return true
    })
  }

  /** Every client ends what it has begun; the answers are all in when it resolves. */
  async function stop(): Promise<void> {
    state.isStopping = true
    const timer = setTimeout(() => (ledger.state.isEnded = true), SETTLE_MS)
    await Promise.all(working)
    clearTimeout(timer)
    ledger.end(office) // its login is an administrator's, and nothing more is asked of it
  }

  return { acts, oldTokens, stop }
}

async function loginAsAdministrator(acts: Acts, person: Person, sql: LoadOptions['sql']) {
  await acts.logout(await acts.login(person))
  await sql("UPDATE users SET roles = '{admin,user}' WHERE id = $1", [person.id])
  return acts.login(person)
}

/** Locks an account by wrong guesses, and makes the lock outlast the scenario. */
async function lock(ledger: Ledger, { email, password }: Person, sql: LoadOptions['sql']) {
  for (let guess = 0; guess < GUESSES; guess += 1) {
    await ledger.insist({ path: '/auth/login', json: { email, password: 'a-wrong-password' } })
  }
  await sql(
    `UPDATE guess_lane SET blocked_until = latchkey_now() + interval '1 hour' WHERE failures >= 5`
  )
  for (const person of ledger.people) if (person.email === email) ledger.people.delete(person)
  ledger.refuse('a locked account', { path: '/auth/login', json: { email, password } })
}

/** What each kind of client does; false when it cannot go on. */
function createLoops(ledger: Ledger, acts: Acts) {
  const admitted: Person[] = []

  return {
    async visit(person: Person) {
      const session = await acts.login(person)
      const isGood = (await acts.refresh(session)) !== null
      if (isGood) await acts.logout(session)
      return true
    },
    async changePassword(person: Person) {
      const [session, other] = [await acts.login(person), await acts.login(person)]
      await acts.changePassword(person, session, [other])
      await acts.logout(session)
      return true
    },
    async revoke(person: Person) {
      const [session, other] = [await acts.login(person), await acts.login(person)]
      await acts.revoke(session, other)
      await acts.logout(session)
      return true
    },
    async join() {
      admitted.push(await acts.newPerson())
      return true
    },
    async disable(office: HeldSession) {
      const person = admitted.shift()
      if (person === undefined) return true
      const session = await acts.login(person)
      await acts.disable(office, person, [session])
      return true
    },
    /** Shows what must be refused, and what must not be, to every server. */
    async probe() {
      const refusal = anyOf(ledger.heldRefusals())
      const session = anyOf([...ledger.sessions])
      for (const base of ledger.state.bases) {
        if (refusal !== undefined) await ledger.tryRefusal(refusal, base)
        if (session !== undefined) await ledger.trySession(session, base)
      }
      return true
    }
  }
}
