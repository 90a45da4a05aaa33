import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { cookiesOf, fromOwnPage, type Answer } from './call.ts'
import { LoadEnded, refreshing, type HeldPerson, type HeldSession, type Ledger } from './ledger.ts'

const PASSWORD = 'sparrow-lantern-42-quartz'
const MAIL_LOOKS_EVERY_MS = 50

/** The token of the link in the newest mail to an address; null while there is none. */
export type FindLink = (email: string) => Promise<string | null> | string | null

export type Person = HeldPerson & {
  /** Known from the first login on: of two registrations, either may become the person. */
  id: string
  /** The cookie by which their browser is known: its logins are not counted with a stranger's. */
  device: string
}

export type Acts = ReturnType<typeof createActs>

/** What people do, each insisting until there is an answer, and written into the ledger once acknowledged. */
export function createActs(ledger: Ledger, findLink: FindLink) {
  const { insist, broken } = ledger

  /** @returns the person that will be, and the token of the link, once the mail is there */
  async function register() {
    const email = `person-${randomBytes(8).toString('hex')}@example.com`
    const json = { email, password: PASSWORD }
    const answer = await insist({ path: '/auth/register', json })
    if (answer.status !== 201) throw unforeseen('register', answer)
    const link = await awaitLink(email)
    return { person: { email, password: PASSWORD, id: '', device: '' } satisfies Person, link }
  }

  async function awaitLink(email: string): Promise<string> {
    for (;;) {
      const link = await findLink(email)
      if (link !== null) return link
      if (ledger.state.isEnded) {
        broken.lost.push('a registration: no mail came')
        throw new LoadEnded()
      }
      await delay(MAIL_LOOKS_EVERY_MS)
    }
  }

  /** Follows the link; of a first try without an answer, a second may be told that it is spent. */
  async function verify(person: Person, link: string): Promise<void> {
    const call = { path: '/auth/verify-email', json: { token: link } }
    const answer = await insist(call)
    if (answer.status !== 200 && answer.tries === 1) {
      broken.lost.push(`a registration: its link gave ${answer.status}`)
    }
    ledger.people.add(person)
    ledger.refuse('a spent link', call, { refused: [400] })
  }

  async function newPerson(): Promise<Person> {
    const { person, link } = await register()
    await verify(person, link)
    return person
  }

  async function login(person: Person): Promise<HeldSession> {
    const { email, password } = person
    const headers = fromOwnPage(person.device)
    const answer = await insist({ path: '/auth/login', json: { email, password }, headers })
    if (answer.status !== 200) {
      broken.wrongly401.push(`a login with the right password: ${told(answer)}`)
      throw unforeseen('login', answer)
    }
    person.id = (answer.body['user'] as { id: string }).id
    const device = cookiesOf(answer)
    if (device !== '') person.device = device
    const session = { ...tokensOf(answer), isLive: true }
    ledger.sessions.add(session)
    return session
  }

  /** @returns the spent token, or null if the session was wrongly ended */
  async function refresh(session: HeldSession): Promise<string | null> {
    const spent = session.refreshToken
    const answer = await insist(refreshing(spent))
    if (answer.status !== 200) {
      broken.wrongly401.push(`a refresh (try ${answer.tries}): ${told(answer)}`)
      broken.lost.push('a session')
      ledger.end(session)
      return null
    }
    Object.assign(session, tokensOf(answer))
    return spent
  }

  async function logout(session: HeldSession): Promise<void> {
    session.isLive = false
    const token = session.accessToken
    const json = { refresh_token: session.refreshToken }
    const answer = await insist({ path: '/auth/logout', token, json })
    if (answer.status === 200) ledger.refuseSession('a logout', session)
    else broken.wrongly401.push(`a logout: ${told(answer)}`)
  }

  /** Ends `other` from `session`, both of one person. */
  async function revoke(session: HeldSession, other: HeldSession): Promise<void> {
    other.isLive = false
    const sid = claimOf(other.accessToken, 'sid')
    const path = `/users/sessions/${sid}`
    const answer = await insist({ method: 'DELETE', path, token: session.accessToken })
    const isEnded = answer.status === 200 || (answer.status === 404 && answer.tries > 1)
    if (isEnded) ledger.refuseSession('a revoked session', other)
    else broken.wrongly401.push(`a revocation: ${told(answer)}`)
  }

  /** Changes the password from `session`, which ends `others`. */
  async function changePassword(
    person: Person,
    session: HeldSession,
    others: HeldSession[]
  ): Promise<void> {
    const { password: current, email } = person
    const next = `${PASSWORD}-${randomBytes(4).toString('hex')}`
    for (const other of others) other.isLive = false
    const json = { current_password: current, new_password: next }
    // Every browser that is known is forgotten but this one, whose logins no limit counts.
    const headers = fromOwnPage(person.device)
    const call = { path: '/users/change-password', token: session.accessToken, json, headers }
    const answer = await insist(call)
    // Of a first try without an answer nobody knows whether it was done: the new password tells.
    const isDone =
      answer.status === 200 ||
      (answer.tries > 1 &&
        (await insist({ path: '/auth/login', json: { email, password: next } })).status === 200)
    if (!isDone) {
      broken.wrongly401.push(`a change of password: ${told(answer)}`)
      return
    }
    person.password = next
    for (const other of others) ledger.refuseSession('a changed password', other)
    const old = { path: '/auth/login', json: { email, password: current } }
    ledger.refuse('an old password', old, { onlyAtEnd: true })
  }

  /** As an administrator, for good. */
  async function disable(admin: HeldSession, person: Person, sessions: HeldSession[]) {
    for (const session of sessions) session.isLive = false
    ledger.people.delete(person)
    const path = `/admin/users/${person.id}/disable`
    const answer = await insist({ method: 'POST', path, token: admin.accessToken })
    if (answer.status !== 200) {
      broken.wrongly401.push(`an act of an administrator: ${told(answer)}`)
      return
    }
    for (const session of sessions) ledger.refuseSession('a disabled person', session)
    const { email, password } = person
    const call = { path: '/auth/login', json: { email, password } }
    ledger.refuse('a login of a disabled person', call, { refused: [403], onlyAtEnd: true })
  }

  return { register, verify, newPerson, login, refresh, logout, revoke, changePassword, disable }
}

export function tokensOf({ body }: Answer) {
  return {
    accessToken: body['access_token'] as string,
    refreshToken: body['refresh_token'] as string
  }
}

export const told = ({ status, body }: Answer) =>
  `${status} ${JSON.stringify(body['code'] ?? body['error'])}`

export function unforeseen(act: string, answer: Answer): Error {
  return new Error(`${act}: ${answer.status} ${JSON.stringify(answer.body)}`)
}

function claimOf(token: string, name: string): string {
  const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return String((JSON.parse(text) as Record<string, unknown>)[name])
}
