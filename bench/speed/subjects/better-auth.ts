import type { JsonWebKey } from 'node:crypto'
import { join } from 'node:path'
import { startChild } from '../child-server.ts'
import { PASSWORD } from '../latchkey.ts'
import { CONNECTIONS, getJson, JSON_TYPE, prepare, type Subject } from '../operations.ts'
import type { Place } from '../place.ts'
import { nextDomain, times } from './people.ts'

export async function betterAuthSubject(place: Place): Promise<Subject> {
  const file = join(import.meta.dirname, '../../peers/better-auth.js')
  const env = { DATABASE_URL: await place.createDatabase('better_auth_bench') }
  const started = await startChild<{ origin: string }>(place, { name: 'better-auth', file, env })
  const { port, told, program } = started
  const headers = { ...JSON_TYPE, origin: told.origin }
  const person = (index: number) => ({ email: `person-${index}@example.com`, password: PASSWORD })

  async function cookieOf(index: number): Promise<string> {
    const answer = await fetch(`${told.origin}/api/auth/sign-up/email`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ ...person(index), name: 'Somebody' })
    })
    if (!answer.ok) throw new Error(`better-auth: ${answer.status} ${await answer.text()}`)
    return answer.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ')
  }

  const cookies = await prepare(CONNECTIONS, cookieOf)
  const cookieHeaders = cookies.map((cookie) => ({ cookie }))
  await getJson(port, '/api/auth/jwks') // makes its first key
  const { keys } = await getJson<{ keys: JsonWebKey[] }>(port, '/api/auth/jwks')
  return {
    name: 'better-auth',
    port,
    program,
    scenarios: {
      refresh: () => ({
        kind: 'token',
        path: '/api/auth/token',
        headers: cookieHeaders,
        field: 'token',
        isFresh: false, // a second's tokens are alike: they have no `jti`
        keys
      }),
      'verify-token': session,
      introspection: session,
      JWKS: () => ({ kind: 'fixed', path: '/api/auth/jwks', expected: '"RS256"' }),
      login: () => ({
        kind: 'login',
        path: '/api/auth/sign-in/email',
        headers,
        bodies: times(CONNECTIONS, (n) => JSON.stringify(person(n))),
        expected: '"token"',
        keys: null
      }),
      register: () => ({
        kind: 'register',
        path: '/api/auth/sign-up/email',
        headers,
        body: { name: 'Somebody', password: PASSWORD },
        domain: nextDomain(),
        expected: '"token"',
        status: 200
      })
    }
  }

  function session() {
    const path = '/api/auth/get-session'
    return { kind: 'fixed' as const, path, headers: cookieHeaders, expected: '"expiresAt"' }
  }
}
