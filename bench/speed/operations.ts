import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from './load/scenarios.ts'

export const OPERATIONS = [
  'refresh',
  'client credentials',
  'verify-token',
  'introspection',
  'JWKS',
  'metadata',
  'login',
  'register',
  'authorize → code → token'
] as const
export type Operation = (typeof OPERATIONS)[number]

/** What each operation is held against: a bare server's rate, or that of bare cores. */
export const LIMITS: Record<Operation, 'hello' | 'refresh' | 'sign' | 'argon2' | null> = {
  refresh: 'refresh',
  'client credentials': 'sign',
  'verify-token': 'hello',
  introspection: 'hello',
  JWKS: 'hello',
  metadata: 'hello',
  login: 'argon2',
  register: 'argon2',
  'authorize → code → token': null
}

/** What the issue asks for: of the limit, and of the best peer. */
export const TARGETS: Record<Operation, [limit: number | null, peer: number]> = {
  refresh: [0.9, 1.1],
  'client credentials': [0.8, 1.5],
  'verify-token': [0.6, 6],
  introspection: [0.6, 6],
  JWKS: [0.85, 2.5],
  metadata: [0.85, 2.5],
  login: [0.9, 7],
  register: [0.9, 7],
  'authorize → code → token': [null, 1.5]
}

/** A server under load: what to ask it for each operation that it has. Made anew for every round. */
export type Subject = {
  name: string
  port: number
  program: { name: string; pid: number }
  scenarios: Partial<Record<Operation, () => Promise<Scenario> | Scenario>>
}

/** How many ask at once, each for somebody of their own. */
export const CONNECTIONS = 32

export const JSON_TYPE = { 'content-type': 'application/json' }
export const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' }

export function basic(id: string, secret: string): Record<string, string> {
  const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** A verifier and its S256 challenge (RFC 7636, appendix B). */
export const PKCE = {
  verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
}

export async function getJson<T>(port: number, path: string): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`)
  return (await answer.json()) as T
}

/** What `make` gives for each index, a few at a time: preparing is no load test. */
export async function prepare<T>(
  count: number,
  make: (index: number) => Promise<T> | T
): Promise<T[]> {
  const made: T[] = []
  let next = 0
  const one = async () => {
    for (let index = next++; index < count; index = next++) made[index] = await make(index)
  }
  await Promise.all([one(), one(), one(), one()])
  return made
}

/** A busy machine may answer 503 while this is prepared. */
export async function post<T>(
  port: number,
  path: string,
  body: string,
  headers: Record<string, string>,
  patience = 20
): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body })
  if (answer.status === 503 && patience > 0) {
    await sleep(200)
    return post(port, path, body, headers, patience - 1)
  }
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}
