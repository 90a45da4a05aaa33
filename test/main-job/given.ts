import { join } from 'node:path'
import type { Test } from 'tap'
import { startResourceServer } from '../../scripts/tour/resource-server.ts'
import { freshEmail, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { givenFolder } from '../support/folder.ts'
import { freePort, startServer } from '../support/server.ts'

/** The real server on a database of its own; its mail is kept in `dataDir/mail`. */
export async function givenServer(t: Test, env: Record<string, string> = {}) {
  const folder = await givenFolder(t)
  const dataDir = join(folder, 'data')
  const databaseUrl = env['DATABASE_URL'] ?? (await createTestDatabase(t)).url
  const server = await startServer(t, {
    ...env,
    PORT: String(await freePort()),
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    KEYS_DIR: join(folder, 'keys')
  })
  return { ...server, ...callOn(server.url), dataDir, databaseUrl }
}

/** POSTs JSON to a server and reads the answer. */
export function callOn(origin: string) {
  async function call(path: string, body: object, headers: Record<string, string> = {}) {
    const response = await fetch(origin + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body)
    })
    return { status: response.status, body: (await response.json()) as Answer }
  }
  return { call }
}

/** What the tests of the main job read from answers. */
type Answer = {
  access_token: string
  refresh_token: string
  code: string
  user: { id: string; email_verified: boolean }
}

/** Somebody who registered, followed the link of the mail and logged in. */
export async function givenLogin(server: { dataDir: string } & ReturnType<typeof callOn>) {
  const person = { email: freshEmail(), password: PASSWORD }
  await server.call('/auth/register', person)
  const { token } = secretsOf(await mailTo(server, person.email))
  await server.call('/auth/verify-email', { token })
  const { status, body } = await server.call('/auth/login', person)
  if (status !== 200) throw new Error(`login: ${JSON.stringify(body)}`)
  return { person, accessToken: body.access_token, refreshToken: body.refresh_token }
}

/** The example service, with an answer to `GET /protected` for every token. */
export async function givenResourceServer(t: Test, issuer: string) {
  const service = await startResourceServer(issuer)
  t.teardown(service.stop)

  /** @param token without one, the request has no `Authorization` */
  async function present(token?: string): Promise<Response> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return fetch(`${service.url}/protected`, { headers })
  }

  return { ...service, present }
}

/** An origin where nothing listens. */
export async function deadOrigin(): Promise<string> {
  return `http://localhost:${await freePort()}`
}
