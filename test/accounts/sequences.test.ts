import { createHash } from 'node:crypto'
import type { Response } from 'light-my-request'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, PASSWORD } from '../support/builders.ts'
import { mailsTo, outboxEmpty } from '../support/registrations.ts'
import { VERBS, type Player } from './verbs.ts'

/** `SEQUENCES=2000 SEED=x npm test -- test/accounts/sequences.test.ts` plays more of them, or others. */
const SEQUENCES = Number(process.env['SEQUENCES'] ?? 26)
const SEED = process.env['SEED'] ?? 'latchkey'
const LONGEST = 4

/** Every hash may wait, and mailboxes have their usual caps. */
const app = await startApp(t, {
  ARGON2_QUEUE_LENGTH: '1000',
  ARGON2_WAIT_MS: '60000',
  MAIL_LIMIT_PER_MINUTE: '1',
  MAIL_LIMIT_PER_HOUR: '5'
})
/** The same house as a closed network: a quick way to somebody who has an address. */
const closed = await startApp(t, { ...app.env, EMAIL_VERIFICATION: 'optional' })

/** The same numbers for the same seed. */
function createDice(seed: string) {
  let rolls = 0
  return function roll(sides: number): number {
    rolls += 1
    return createHash('sha256').update(`${seed} ${rolls}`).digest().readUInt32BE() % sides
  }
}

/** What an address can be. Each makes it so, for an address of the same length. */
const STATES = {
  taken: owned(''),
  disabled: owned(`UPDATE users SET status = 'disabled' WHERE id = $1`),
  'without a password': owned(`UPDATE users SET password_hash = NULL WHERE id = $1`),
  locked: async (email: string, username: string) => {
    const id = await owned('')(email, username)
    for (let i = 0; i < 6; i += 1) {
      await app.post('/auth/login', { email, password: `not-the-password-${i}` })
    }
    return id
  },
  'waiting for its owner to verify': async (email: string, username: string) => {
    await app.post('/auth/register', { email, password: PASSWORD })
    await hold(username, '00000000-0000-7000-8000-000000000000')
  },
  'kept for whom may want it back': async (email: string, username: string) => {
    const id = await owned('')(email, username)
    await app.sql(
      `INSERT INTO reserved_email (email_index, email_sealed, user_id, expires_at)
       SELECT email_index, email_sealed, id, latchkey_now() + interval '72 hours' FROM users WHERE id = $1`,
      [id]
    )
    await app.sql('UPDATE users SET email_index = sha256(email_index) WHERE id = $1', [id])
  }
}
type State = keyof typeof STATES

function owned(statement: string) {
  return async (email: string, username: string): Promise<string> => {
    const answer = await closed.post('/auth/register', { email, password: PASSWORD })
    const { id } = answer.json().user as { id: string }
    await app.sql('UPDATE users SET email_verified_at = latchkey_now() WHERE id = $1', [id])
    await hold(username, id)
    await app.sql('UPDATE users SET username = $2 WHERE id = $1', [id, username])
    if (statement !== '') await app.sql(statement, [id])
    return id
  }
}

/** Somebody has this username for good. */
async function hold(username: string, holderId: string): Promise<void> {
  await app.sql('INSERT INTO username (username, holder_id) VALUES ($1, $2)', [username, holderId])
}

const curious = { free: await givenSession(app), other: await givenSession(app) }
type Side = keyof typeof curious

async function givenPlayer(side: Side, round: number, state: State | 'free'): Promise<Player> {
  const letter = side === 'free' ? 'f' : 'o'
  const number = String(round).padStart(6, '0')
  const email = `${letter}-${number}@example.com`
  const heldUsername = `held-${letter}-${number}`
  if (state === 'free') await hold(heldUsername, '00000000-0000-7000-8000-000000000000')
  else await STATES[state](email, heldUsername)
  return {
    app,
    email,
    username: `name-${letter}-${number}`,
    heldUsername,
    accessToken: curious[side].accessToken,
    remoteAddress: `2001:db8:${side === 'free' ? 1 : 2}:${round.toString(16)}::1`
  }
}

/** Differs from request to request whoever asks. */
const VOLATILE = ['date', 'x-request-id', 'ratelimit-reset', 'retry-after']

/** All that an answer tells, but for ids, times, and the names that the player chose. */
function told(answer: Response, side: Side) {
  const { user } = curious[side]
  const headers = Object.entries(answer.headers).map(
    ([name, value]) => [name, VOLATILE.includes(name) ? 'differs' : value] as const
  )
  const body = answer.body
    .replaceAll(user.email, 'OWN')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\b[fo](?=[-.]\d{6})/gi, 'SIDE')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    // Mails leave when they leave.
    .replaceAll(/"sentAt":(null|"TIME")/g, '"sentAt":"SOON"')
    .replaceAll(/2001:db8:[0-9a-f:x]+(\/\d+)?/g, 'ADDRESS')
  return { status: answer.statusCode, body, headers, cookies: answer.cookies }
}

async function play(names: string[], player: Player, side: Side) {
  const heard = []
  for (const name of names) {
    const answers = await VERBS[name]!(player)
    heard.push({ name, answers: answers.map((answer) => told(answer, side)) })
  }
  return heard
}

const roll = createDice(SEED)
const pick = <T>(choices: readonly T[]): T => choices[roll(choices.length)]!
const names = Object.keys(VERBS)
const states = Object.keys(STATES) as State[]

void t.test(
  'sequences of verbs, at a free address and at another: nothing tells them apart',
  async (t) => {
    t.comment(`${SEQUENCES} sequences with SEED=${SEED}`)
    const used = new Set<string>()
    let [requests, asked] = [0, 0]
    for (let round = 0; round < SEQUENCES; round += 1) {
      // Every verb begins a sequence at least once, then chance decides.
      const first = names[round % names.length]!
      const sequence = [first, ...Array.from({ length: 1 + roll(LONGEST - 1) }, () => pick(names))]
      const state = round % 2 === 0 ? 'taken' : pick(states)
      const [free, other] = await Promise.all([
        givenPlayer('free', round, 'free').then((player) => play(sequence, player, 'free')),
        givenPlayer('other', round, state).then((player) => play(sequence, player, 'other'))
      ])
      t.strictSame(other, free, `${state}: ${sequence.join(', ')}`)
      for (const { name, answers } of free) {
        used.add(name)
        asked += 1
        requests += answers.length
        t.notOk(
          answers.some(({ status }) => status >= 500),
          `${name} was answered`
        )
      }
    }
    t.comment(`${asked} verbs, ${requests} requests on either side, ${used.size} kinds of verb`)
    if (SEQUENCES >= names.length) t.equal(used.size, names.length, 'every verb was played')
  }
)

void t.test('the mails that came to the curious, afterwards: the same on both sides', async (t) => {
  await outboxEmpty(app)
  const subjects = async (side: Side) =>
    (await mailsTo(app, curious[side].user.email, 1)).map(({ subject }) => subject)
  t.strictSame(await subjects('other'), await subjects('free'))
})
