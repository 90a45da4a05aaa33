import { randomBytes } from 'node:crypto'
import { expectAnswer } from './answer.ts'
import { createClient, type Client } from './client.ts'
import type { Guide } from './guide.ts'
import { findVerificationMail, requireInbox } from './inbox.ts'
import { shorten } from './print.ts'
import { startResourceServer } from './resource-server.ts'
import { expect } from './surprise.ts'

type Pair = { access_token: string; refresh_token: string }
type Person = { email: string; password: string }
type Tour = { issuer: string; guide: Guide; latchkey: Client }

/**
 * The main job: from an unknown address to a token that another service accepts, and back to nothing.
 * @throws {Surprise} at the first answer that is not as it should be
 */
export async function walk(issuer: string, guide: Guide): Promise<void> {
  const tour = { issuer, guide, latchkey: createClient(issuer, guide.note) }
  await guide.step('Is the server there, and well?', async () => {
    expectAnswer(await tour.latchkey.get('/health'), 200)
    await requireInbox(tour.latchkey)
  })
  const person = await register(tour)
  await verify(tour, person)
  const pair = await logIn(tour, person)
  await visitAnotherService(tour, pair)
  const successor = await refresh(tour, pair)
  await logOut(tour, successor)
}

function register({ guide, latchkey }: Tour): Promise<Person> {
  return guide.step('Register an address that nobody has', async () => {
    const email = `tour-${randomBytes(5).toString('hex')}@example.com`
    const password = randomBytes(18).toString('base64url')
    expectAnswer(await latchkey.post('/auth/register', { email, password }), 201)
    return { email, password }
  })
}

async function verify({ issuer, guide, latchkey }: Tour, { email }: Person): Promise<void> {
  const token = await guide.step('The mail arrives, with a link and a code', async () => {
    guide.note('>', `GET ${issuer}/dev/mail.json`)
    const { subject, link, token, code } = await findVerificationMail(latchkey, email)
    guide.note('<', `200 "${subject}" to ${email}`)
    guide.note('<', `    link ${link.replace(token, shorten(token))}, code ${shorten(code)}`)
    const origin = new URL(link).origin
    expect(origin === issuer, `This server calls itself ${origin}: run npm run tour -- ${origin}`)
    return token
  })
  await guide.step('Look at the link, as mail scanners do: that spends nothing', async () => {
    expectAnswer(await latchkey.get(`/verify-email?token=${token}`), 200)
  })
  await guide.step('Verify the address', async () => {
    expectAnswer(await latchkey.post('/auth/verify-email', { token }), 200)
  })
  await guide.step('Verify again: a link works once', async () => {
    expectAnswer(await latchkey.post('/auth/verify-email', { token }), 400, 'invalid_token')
  })
}

async function logIn({ guide, latchkey }: Tour, person: Person): Promise<Pair> {
  const pair = await guide.step('Log in', async () => {
    return expectAnswer(await latchkey.post('/auth/login', person), 200) as Pair
  })
  await guide.step('Who am I?', async () => {
    const { user } = expectAnswer(await latchkey.get('/auth/me', pair.access_token), 200) as {
      user: { email: string }
    }
    expect(user.email === person.email, `/auth/me should be ${person.email}, not ${user.email}.`)
  })
  return pair
}

/** It verifies by itself, from the published keys. */
async function visitAnotherService({ issuer, guide }: Tour, pair: Pair): Promise<void> {
  await using service = await guide.step('Start another service, which knows one URL', async () => {
    guide.note('>', `ISSUER=${issuer} node examples/resource-server/server.ts`)
    const started = await startResourceServer(issuer)
    guide.note('<', `Listening on ${started.url}`)
    return started
  })
  const { get } = createClient(service.url, guide.note)
  await guide.step('It refuses who brings no token', async () => {
    expectAnswer(await get('/protected'), 401, 'Bearer')
  })
  await guide.step('It accepts the token, by the published keys alone', async () => {
    expectAnswer(await get('/protected', pair.access_token), 200)
  })
  await guide.step('It refuses the token with one character changed', async () => {
    expectAnswer(await get('/protected', tamperedWith(pair.access_token)), 401, 'invalid_token')
  })
}

async function refresh({ guide, latchkey }: Tour, pair: Pair): Promise<Pair> {
  const body = { refresh_token: pair.refresh_token }
  await guide.step('Or ask Latchkey, which also knows what was revoked', async () => {
    const answer = await latchkey.get('/verify-token', pair.access_token)
    const { active } = expectAnswer(answer, 200) as { active: boolean }
    expect(active, 'The answer should say "active": true.')
  })
  const successor = await guide.step('Refresh: the token is traded for the next pair', async () => {
    const next = expectAnswer(await latchkey.post('/auth/refresh-token', body), 200) as Pair
    expect(next.refresh_token !== pair.refresh_token, 'The refresh token should be a new one.')
    guide.note(' ', 'Another refresh token than before: each is good for one use.')
    return next
  })
  await guide.step('The answer was lost? The same question gets it again', async () => {
    const again = expectAnswer(await latchkey.post('/auth/refresh-token', body), 200) as Pair
    const isSame = again.refresh_token === successor.refresh_token
    expect(isSame, 'A repeated refresh should give the same successor, and gave another one.')
    guide.note(' ', 'The same refresh token as in the answer before, to the letter.')
  })
  return successor
}

async function logOut({ guide, latchkey }: Tour, pair: Pair): Promise<void> {
  const { access_token: accessToken, refresh_token } = pair
  await guide.step('Log out', async () => {
    expectAnswer(await latchkey.post('/auth/logout', undefined, accessToken), 200)
  })
  await guide.step('No refresh after that', async () => {
    const answer = await latchkey.post('/auth/refresh-token', { refresh_token })
    expectAnswer(answer, 401, 'invalid_refresh_token')
  })
  await guide.step('And whoever asks about the access token hears no, at once', async () => {
    expectAnswer(await latchkey.get('/verify-token', accessToken), 401, 'invalid_token')
  })
}

/** The same token with another first character of its signature. */
function tamperedWith(token: string): string {
  const at = token.lastIndexOf('.') + 1
  const other = token[at] === 'A' ? 'B' : 'A'
  return token.slice(0, at) + other + token.slice(at + 1)
}
