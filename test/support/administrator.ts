import type { TestApp } from './app.ts'
import { claimsOf } from './builders.ts'
import { givenAdmin } from './oauth.ts'
import { bearer } from './server-sessions.ts'

/** An administrator, and what they call; `token` shows another's access token. */
export async function givenAdministrator(app: TestApp) {
  const own = await givenAdmin(app)

  async function call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    { body, token = own }: { body?: object; token?: string } = {}
  ) {
    const headers = bearer(token)
    return app.app.inject({ method, url, headers, ...(body !== undefined && { body }) })
  }

  return { id: claimsOf(own)['sub'] as string, call }
}
