import type { Response } from 'light-my-request'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenSession, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import { givenAdmin } from '../support/oauth.ts'
import { VERBS, type Player } from './verbs.ts'

/** As in sequences.test.ts, but somebody acts between the stranger's requests. */
const app = await startApp(t)
const admin = await givenAdmin(app)
const { accessToken } = await givenSession(app)
const NEW_PASSWORD = 'granite-otter-77-meadow'

/** The owner of the address, who had registered it before the stranger did. */
type Owner = { id: string; email: string; token: string }

async function givenOwner(email: string): Promise<Owner> {
  const answer = await app.post('/auth/register', { email, password: PASSWORD })
  return { id: answer.json().user.id as string, email, ...secretsOf(await mailTo(app, email)) }
}

async function verify({ token }: Owner): Promise<void> {
  const answer = await app.post('/auth/verify-email', { token })
  if (answer.statusCode !== 200) throw new Error(answer.body)
}

/** An address that a stranger registered too is contested: its owner sets a password by another mail. */
async function logIn({ email }: Owner): Promise<Record<string, string>> {
  const { token } = secretsOf(await mailTo(app, email, /password/i))
  await app.post('/auth/reset-password', { token, new_password: NEW_PASSWORD })
  const login = await app.post('/auth/login', { email, password: NEW_PASSWORD })
  if (login.statusCode !== 200) throw new Error(login.body)
  return { authorization: `Bearer ${login.json().access_token as string}` }
}

async function erase({ id }: Owner): Promise<void> {
  const headers = { authorization: `Bearer ${admin}` }
  const answer = await app.app.inject({ method: 'DELETE', url: `/admin/users/${id}`, headers })
  if (answer.statusCode !== 200) throw new Error(answer.body)
}

/** What the owner does while the stranger looks on. */
const ACTS: Record<string, (owner: Owner) => Promise<void>> = {
  verifies: verify,
  'verifies and moves': async (owner) => {
    await verify(owner)
    const headers = await logIn(owner)
    const next = freshEmail()
    await app.post('/users/change-email', { email: next, current_password: NEW_PASSWORD }, headers)
    const { token } = secretsOf(await mailTo(app, next, /Confirm/))
    const moved = await app.post('/auth/verify-email', { token })
    if (moved.statusCode !== 200) throw new Error(moved.body)
  },
  'verifies and is erased': async (owner) => {
    await verify(owner)
    await erase(owner)
  }
}

/** The stranger's mail is opened by the owner, who never registered: the name is theirs then, and may go again. */
const CONFIRMS: Record<string, (email: string) => Promise<void>> = {
  confirms: async (email) => {
    await verify({ id: '', email, ...secretsOf(await mailTo(app, email)) })
  },
  'confirms and is erased': async (email) => {
    await CONFIRMS['confirms']!(email)
    const found = await app.get(`/admin/users?email=${encodeURIComponent(email)}`, admin)
    await erase({ id: found.json().users[0].id as string, email, token: '' })
  },
  'confirms and gives the name up': async (email) => {
    await CONFIRMS['confirms']!(email)
    const login = await app.post('/auth/login', { email, password: 'strangers-password-88' })
    const headers = { authorization: `Bearer ${login.json().access_token as string}` }
    const body = { username: null }
    await app.app.inject({ method: 'PUT', url: '/users/profile', headers, body })
  }
}

/** What a stranger asks afterwards, in this order: each looks at the name from another side. */
const ASKED = [
  'register with a username',
  'register another address with the username',
  'take the username',
  'register in capitals',
  'resend',
  'forgot',
  'register with a username'
]

let rounds = 0
function givenPlayer(letter: 'f' | 'o'): Player {
  const round = String(rounds).padStart(4, '0')
  return {
    app,
    email: `${letter}-${round}-meanwhile@example.com`,
    username: `while-${letter}-${round}`,
    heldUsername: 'nobody',
    accessToken,
    remoteAddress: `2001:db8:${letter === 'f' ? 3 : 4}:${rounds.toString(16)}::1`
  }
}

function told(answers: Response[]) {
  return answers.map(({ statusCode, body }) => ({
    statusCode,
    body: body
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
      .replaceAll(/\b[fo](?=-\d{4})/gi, 'SIDE')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
  }))
}

async function ask(player: Player) {
  const heard = []
  for (const name of ASKED) heard.push({ name, answers: told(await VERBS[name]!(player)) })
  return heard
}

/** The address stays what it was on one side, and its person acts on the other. */
async function compare(begin: (player: Player) => Promise<() => Promise<void>>) {
  rounds += 1
  const [free, other] = [givenPlayer('f'), givenPlayer('o')]
  const act = await begin(other)
  for (const player of [free, other]) await VERBS['register with a username']!(player)
  await act()
  return { free: await ask(free), other: await ask(other) }
}

for (const [what, act] of Object.entries(ACTS)) {
  void t.test(`the owner ${what}, between two looks: the stranger hears the same`, async (t) => {
    const { free, other } = await compare(async ({ email }) => {
      const owner = await givenOwner(email)
      return () => act(owner)
    })
    t.strictSame(other, free)
    t.equal(free[0]!.answers[0]!.statusCode, 201, 'the name is reserved for this address')
    t.equal(free[1]!.answers[0]!.statusCode, 409, 'and for no other')
  })
}

for (const [what, act] of Object.entries(CONFIRMS)) {
  void t.test(`a stranger's form, whose owner ${what}: the stranger hears the same`, async (t) => {
    const { free, other } = await compare(({ email }) => Promise.resolve(() => act(email)))
    t.strictSame(other, free)
  })
}

void t.test('a day later: the name is free for everybody', async (t) => {
  const { free, other } = await compare(async ({ email }) => {
    const owner = await givenOwner(email)
    return async () => {
      await verify(owner)
      await erase(owner)
    }
  })
  t.strictSame(other, free)
  await app.moveTime(25 * 3_600)
  for (const letter of ['f', 'o'] as const) {
    const [answer] = await VERBS['register another address with the username']!(givenPlayer(letter))
    t.equal(answer!.statusCode, 201)
  }
  await app.moveTime(0)
})
