import type { Response } from 'light-my-request'
import type { TestApp } from '../support/app.ts'
import { PASSWORD } from '../support/builders.ts'

/** Somebody who plays a sequence at one address, and what they know. */
export type Player = {
  app: TestApp
  /** The address that they are curious about. */
  email: string
  /** A username of their choice, new with every sequence. */
  username: string
  /** A username that somebody has for good: the owner of the address, where there is one. */
  heldUsername: string
  /** An account of their own, logged in. */
  accessToken: string
  /** Where they sit: another place with every sequence. */
  remoteAddress: string
}

type Verb = (player: Player) => Promise<Response[]>

const OWN_PAGE = { 'sec-fetch-site': 'same-origin' }
/** What they register with, and later try to log in with. */
const CHOSEN = 'strangers-password-88'
const WRONG_CODE = 'AAAA-AAAA'
/** One more than any limit on guesses. */
const UNTIL_LIMIT = 6

type Request = { method?: 'POST' | 'PUT' | 'GET'; headers?: Record<string, string>; body?: object }

async function ask(
  { app, remoteAddress }: Player,
  url: string,
  { method = 'POST', headers = {}, body }: Request
): Promise<Response> {
  return app.app.inject({
    method,
    url,
    headers,
    remoteAddress,
    ...(body !== undefined && { body })
  })
}

const post =
  (url: string, bodyOf: (player: Player) => object, headers: Record<string, string> = {}): Verb =>
  async (player) => [await ask(player, url, { headers, body: bodyOf(player) })]

/** As the owner of the other account. */
const own =
  (url: string, method: 'POST' | 'PUT' | 'GET', bodyOf?: (player: Player) => object): Verb =>
  async (player) => {
    const headers = { authorization: `Bearer ${player.accessToken}` }
    const body = bodyOf?.(player)
    return [await ask(player, url, { method, headers, ...(body !== undefined && { body }) })]
  }

const often =
  (verb: Verb): Verb =>
  async (player) => {
    const answers: Response[] = []
    while (answers.length < UNTIL_LIMIT) answers.push(...(await verb(player)))
    return answers
  }

const shouted = ({ email }: Player) => email.toUpperCase()
const dotted = ({ email }: Player) => email.replace('-', '.')
const tagged = ({ email }: Player) => email.replace('@', '+tag@')
const elsewhere = ({ email }: Player) => `other-${email}`

const register = (formOf: (player: Player) => object): Verb =>
  post('/auth/register', (player) => ({ email: player.email, password: CHOSEN, ...formOf(player) }))

const wrongCode = post('/auth/verify-email', ({ email }) => ({ email, code: WRONG_CODE }))
const wrongResetCode = post('/auth/reset-password', ({ email }) => ({
  email,
  code: WRONG_CODE,
  new_password: CHOSEN
}))
const wrongLogin = post('/auth/login', ({ email }) => ({ email, password: 'not-the-password-7' }))

/** Everything that a stranger, or the owner of another account, can do with an address. */
export const VERBS: Record<string, Verb> = {
  register: register(() => ({})),
  'register with a username': register(({ username }) => ({ username })),
  'register with a held username': register(({ heldUsername }) => ({ username: heldUsername })),
  'register in capitals': register((player) => ({ email: shouted(player) })),
  'register with a dot': register((player) => ({ email: dotted(player) })),
  'register with a tag': register((player) => ({ email: tagged(player) })),
  'register another address with the username': register((player) => ({
    email: elsewhere(player),
    username: player.username
  })),
  'register with a weak password': register(({ email }) => ({ password: email })),
  'verify by a wrong code': wrongCode,
  'verify by wrong codes up to the limit': often(wrongCode),
  'verify by a wrong token': post('/auth/verify-email', () => ({ token: 'a'.repeat(43) })),
  resend: post('/auth/resend-verification', ({ email }) => ({ email })),
  'resend in capitals': post('/auth/resend-verification', (player) => ({ email: shouted(player) })),
  login: post('/auth/login', ({ email }) => ({ email, password: CHOSEN })),
  'login by the username': post('/auth/login', ({ username }) => ({ username, password: CHOSEN })),
  'login for a cookie': post(
    '/auth/login',
    ({ email }) => ({ email, password: CHOSEN, token_delivery: 'cookie' }),
    OWN_PAGE
  ),
  'login wrongly up to the lock': often(wrongLogin),
  forgot: post('/auth/forgot-password', ({ email }) => ({ email })),
  'reset by a wrong code': wrongResetCode,
  'reset by wrong codes up to the limit': often(wrongResetCode),
  'move to it': own('/users/change-email', 'POST', ({ email }) => ({
    email,
    current_password: PASSWORD
  })),
  'take the username': own('/users/profile', 'PUT', ({ username }) => ({ username })),
  'look at oneself': own('/users/profile', 'GET'),
  'read the own export': own('/users/export', 'GET')
}
