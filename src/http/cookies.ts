import type { IncomingHttpHeaders } from 'node:http'
import cookie, { type CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** The cookies there are. */
export type CookieName = 'refresh' | 'device' | 'session' | 'form' | 'language'

/** Lax for what a link from elsewhere (a mail, an application that sends somebody to log in) must find. */
const COOKIES: Record<CookieName, { name: string; sameSite: 'strict' | 'lax' }> = {
  refresh: { name: 'latchkey-refresh', sameSite: 'strict' },
  device: { name: 'latchkey-device', sameSite: 'strict' },
  session: { name: 'latchkey_session', sameSite: 'lax' },
  form: { name: 'latchkey_form', sameSite: 'lax' },
  language: { name: 'latchkey_language', sameSite: 'lax' }
}

declare module 'fastify' {
  interface FastifyInstance {
    readCookie: (request: FastifyRequest, name: CookieName) => string | null
    /** Of a request before the lifecycle. Null as well where it is there twice, or encoded. */
    readPlainCookie: (headers: IncomingHttpHeaders, name: CookieName) => string | null
    writeCookie: (
      reply: FastifyReply,
      name: CookieName,
      value: string,
      /** Null for as long as the browser runs. */
      maxAgeSeconds: number | null
    ) => void
    clearCookie: (reply: FastifyReply, name: CookieName) => void
  }
}

/**
 * Cookies that no script, no other host and no http page can touch: `__Host-`, Secure, HttpOnly,
 * SameSite, Path=/. On an http issuer (development) prefix and Secure cannot be had.
 */
export default fp<{ issuer: string }>(
  async (app: FastifyInstance, { issuer }) => {
    await app.register(cookie)
    const isSecure = issuer.startsWith('https:')
    const nameOf = (name: CookieName) => `${isSecure ? '__Host-' : ''}${COOKIES[name].name}`
    const optionsOf = (name: CookieName): CookieSerializeOptions => ({
      path: '/',
      httpOnly: true,
      secure: isSecure,
      sameSite: COOKIES[name].sameSite
    })
    app.decorate('readCookie', (request, name) => request.cookies[nameOf(name)] ?? null)
    app.decorate('readPlainCookie', ({ cookie: header = '' }, name) =>
      plainCookieOf(header, nameOf(name))
    )
    app.decorate('writeCookie', (reply, name, value, maxAgeSeconds) => {
      void reply.setCookie(nameOf(name), value, {
        ...optionsOf(name),
        ...(maxAgeSeconds !== null && { maxAge: maxAgeSeconds })
      })
    })
    app.decorate('clearCookie', (reply, name) => {
      void reply.clearCookie(nameOf(name), optionsOf(name))
    })
  },
  { name: 'cookies', fastify: '5.x' }
)

function plainCookieOf(header: string, name: string): string | null {
  let found: string | null = null
  for (const pair of header.split(';')) {
    const equalsAt = pair.indexOf('=')
    const shown = pair.slice(0, Math.max(equalsAt, 0))
    if (shown.trim() !== name) continue
    // With any other blank it is another name, and a browser lets anybody write that: `__Host-` does not guard it.
    const isPlain = shown === name || shown === ` ${name}`
    const value = pair.slice(equalsAt + 1)
    if (found !== null || !isPlain || !/^[\w-]+$/.test(value)) return null
    found = value
  }
  return found
}
