import type { Answer } from './load.ts'
import { ADMINISTRATORS, userIdOf } from './population.ts'
import type { Subject } from './subject.ts'

export type Operation = {
  name: string
  connections: number
  one: (subject: Subject) => Promise<Answer>
}

const audit = (query: string) => (subject: Subject) => subject.admin(`/admin/audit-logs?${query}`)
const people = (query: string) => (subject: Subject) => subject.admin(`/admin/users?${query}`)
const somebody = ({ population }: Subject) =>
  userIdOf(Math.floor(Math.random() * population.users), population)

/** Typed in full, so that one row is looked at however many there are. */
const someUsername = ({ population: { users } }: Subject) =>
  `person${users - 5 - 5 * Math.floor(Math.random() * (users / 10))}`

export const OPERATIONS: Operation[] = [
  { name: 'refresh', connections: 8, one: (subject) => subject.refresh() },
  { name: 'client credentials', connections: 8, one: (subject) => subject.clientCredentials() },
  { name: 'verify-token', connections: 8, one: (subject) => subject.verify() },
  { name: 'introspection', connections: 8, one: (subject) => subject.introspect() },
  { name: 'JWKS', connections: 8, one: (subject) => subject.get('/.well-known/jwks.json') },
  {
    name: 'metadata',
    connections: 8,
    one: (subject) => subject.get('/.well-known/openid-configuration')
  },
  { name: 'login', connections: 4, one: (subject) => subject.loginAnybody() },
  { name: 'register', connections: 4, one: (subject) => subject.register() },
  { name: 'authorize, code, token', connections: 8, one: (subject) => subject.codeFlow() },
  { name: 'users, newest', connections: 2, one: people('limit=50') },
  {
    name: 'users, from the middle',
    connections: 2,
    one: (s) => people(`cursor=${somebody(s)}`)(s)
  },
  { name: 'users, role=admin', connections: 2, one: people(`role=admin&limit=${ADMINISTRATORS}`) },
  { name: 'users, disabled', connections: 2, one: people('status=disabled&limit=1') },
  {
    name: 'users, username',
    connections: 2,
    one: (s) => people(`username=${someUsername(s)}&limit=1`)(s)
  },
  { name: 'audit, newest', connections: 2, one: audit('limit=50') },
  { name: 'audit, from the middle', connections: 2, one: (s) => audit(`cursor=${somebody(s)}`)(s) },
  {
    name: 'audit, a person',
    connections: 2,
    one: (s) => audit(`limit=5&user_id=${somebody(s)}`)(s)
  },
  { name: 'audit, old type', connections: 2, one: audit('type=account.imported&limit=50') },
  { name: 'audit, rare type', connections: 2, one: audit('type=password.reset&limit=10') },
  { name: 'audit, common type', connections: 2, one: audit('type=login.succeeded&limit=50') }
]
