import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { freshEmail, PASSWORD, secretsOf } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder } from '../support/folder.ts'
import { ask, createLedger, registered, type Ledger } from '../support/ledger.ts'
import { openDatabase } from '../support/raw-database.ts'
import { mailsTo } from '../support/registrations.ts'
import { freePort, startServer, type TestServer } from '../support/server.ts'

const ROUNDS = 2
const SESSIONS = 6
const LINKS = 24
const REGISTRARS = 8
/** How many registrations are answered before the process is killed under the rest. */
const BEFORE_THE_KILL = 20
const LEASE_SECONDS = 60

/** A server's surroundings, which survive it. */
async function givenHome(t: Test) {
  const dataDir = await givenFolder(t)
  const { url } = await createTestDatabase(t)
  const env = {
    DATABASE_URL: url,
    DATA_DIR: dataDir,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    REFRESH_GRACE_SECONDS: '60',
    ARGON2_QUEUE_LENGTH: '200',
    ARGON2_WAIT_MS: '60000',
    PORT: String(await freePort())
  }
  return { env, dataDir, database: await openDatabase(t, url) }
}

type Home = Awaited<ReturnType<typeof givenHome>>

type Verification = {
  email: string
  token: string
  state: 'untried' | 'acknowledged' | 'unanswered'
}

/** What the clients hold when the server dies. */
async function givenClients(server: TestServer, { dataDir }: Home) {
  const people = Array.from({ length: SESSIONS + LINKS }, () =>
    registered(server, dataDir, freshEmail())
  )
  const links = await Promise.all(people)
  const sessions = await Promise.all(
    links.slice(LINKS).map(async ({ email, token }) => {
      await ask(server, '/auth/verify-email', { token })
      const answer = await ask(server, '/auth/login', { email, password: PASSWORD })
      return { token: answer?.body['refresh_token'] as unknown as string }
    })
  )
  const verifications = links
    .slice(0, LINKS)
    .map((link): Verification => ({ ...link, state: 'untried' }))
  const registrations: { email: string; id: string | null }[] = []
  return { sessions, verifications, registrations }
}

type Clients = Awaited<ReturnType<typeof givenClients>>

/** Refreshes, verifies and registers at once, each client without a pause, until no answer comes. */
async function workUntilDeath(server: TestServer, ledger: Ledger, clients: Clients): Promise<void> {
  const refreshing = clients.sessions.map(async (session) => {
    for (;;) {
      const body = { refresh_token: session.token }
      const answer = await ledger.ask(server, '/auth/refresh-token', body)
      if (answer === null) return
      session.token = (answer.body['refresh_token'] as string | undefined) ?? session.token
    }
  })
  const verifying = async () => {
    for (const verification of clients.verifications) {
      const { token } = verification
      const answer = await ledger.ask(server, '/auth/verify-email', { token })
      verification.state = answer === null ? 'unanswered' : 'acknowledged'
      if (answer === null) return
    }
  }
  const registering = Array.from({ length: REGISTRARS }, async () => {
    for (;;) {
      const email = freshEmail()
      const answer = await ledger.ask(server, '/auth/register', { email, password: PASSWORD })
      const user = answer?.body['user'] as { id: string } | undefined
      clients.registrations.push({ email, id: user?.id ?? null })
      if (answer === null) return
    }
  })
  await Promise.all([...refreshing, verifying(), ...registering])
}

/** Every session goes on with the last token that its client was given. @returns how many do not */
async function lostSessions(server: TestServer, { sessions }: Clients): Promise<number> {
  let lost = 0
  for (const { token } of sessions) {
    const retried = await ask(server, '/auth/refresh-token', { refresh_token: token })
    const repeated = await ask(server, '/auth/refresh-token', { refresh_token: token })
    const successor = retried?.body['refresh_token'] as string | undefined
    const next = await ask(server, '/auth/refresh-token', { refresh_token: successor ?? '' })
    const isAlike = repeated?.body['refresh_token'] === successor
    if (retried?.status !== 200 || !isAlike || next?.status !== 200) lost += 1
  }
  return lost
}

/** Whoever was verified can log in; whoever got no answer can, after trying the link again. */
async function lostVerifications(server: TestServer, { verifications }: Clients): Promise<number> {
  let lost = 0
  for (const { email, token, state } of verifications) {
    if (state === 'unanswered') await ask(server, '/auth/verify-email', { token })
    const login = await ask(server, '/auth/login', { email, password: PASSWORD })
    if (login?.status !== (state === 'untried' ? 401 : 200)) lost += 1
  }
  return lost
}

/** Every registration is there and its mail comes; one without an answer can be made again. */
async function lostRegistrations(server: TestServer, home: Home, { registrations }: Clients) {
  let lost = 0
  for (const { email, id } of registrations) {
    if (id === null) {
      await ask(server, '/auth/register', { email, password: PASSWORD })
    } else {
      const rows = await home.database.sql('SELECT id FROM registration WHERE id = $1', [id])
      if (rows.length !== 1) lost += 1
    }
    const mails = await mailsTo(home, email, 1)
    const outcomes = []
    for (const mail of mails) {
      const { token } = secretsOf(mail)
      outcomes.push((await ask(server, '/auth/verify-email', { token }))?.status)
    }
    const login = await ask(server, '/auth/login', { email, password: PASSWORD })
    if (!outcomes.includes(200) || login?.status !== 200) lost += 1
  }
  return lost
}

void t.test(
  'a server killed under its clients, started again: nothing acknowledged is lost',
  async (t) => {
    const home = await givenHome(t)
    for (let round = 1; round <= ROUNDS; round += 1) {
      const server = await startServer(t, home.env)
      const clients = await givenClients(server, home)
      const ledger = createLedger()
      const enough = ledger.answered('/auth/register', BEFORE_THE_KILL)
      const work = workUntilDeath(server, ledger, clients)
      await enough
      await server.kill('SIGKILL')
      await work
      const { requests, acknowledged, unanswered, unexpected } = ledger.counts
      t.ok(unanswered > 10, `${unanswered} requests were in flight`)
      t.equal(unexpected, 0, 'every other one was answered with success')

      const again = await startServer(t, home.env)
      const sessions = await lostSessions(again, clients)
      const verifications = await lostVerifications(again, clients)
      await home.database.moveTime(round * (LEASE_SECONDS + 1)) // of mails that were being sent
      const registrations = await lostRegistrations(again, home, clients)
      t.strictSame(
        { sessions, verifications, registrations },
        { sessions: 0, verifications: 0, registrations: 0 }
      )
      const lost = sessions + verifications + registrations
      t.comment(
        `round ${round}: requests ${requests}, acknowledged ${acknowledged}, ` +
          `in flight ${unanswered}, registered ${clients.registrations.length}, lost ${lost}`
      )
      await eventually('no mail left behind', async () => {
        const waiting = 'SELECT id FROM outbox_message WHERE sent_at IS NULL AND parked_at IS NULL'
        return (await home.database.sql(waiting)).length === 0
      })
      t.equal(await again.kill('SIGTERM'), 0, 'and it stops in order')
    }
  }
)
