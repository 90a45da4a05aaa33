import type { TestApp } from './app.ts'
import { REDIRECT_URI } from './oauth.ts'

/** The least that a client registers with. */
export const BASIC = { redirect_uris: [REDIRECT_URI] }

/** Registers a client as a program does (RFC 7591 §3.1). */
export function registerClients(app: TestApp) {
  return async (body: unknown) => app.post('/oauth/register', body as object)
}
