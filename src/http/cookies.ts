import cookie, { type CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** The cookies there are. */
export type CookieName = 'refresh' | 'device'

declare module 'fastify' {
  interface FastifyInstance {
    readCookie: (request: FastifyRequest, name: CookieName) => string | null
    writeCookie: (
      reply: FastifyReply,
      name: CookieName,
      value: string,
      maxAgeSeconds: number
    ) => void
    clearCookie: (reply: FastifyReply, name: CookieName) => void
  }
}

/**
 * Cookies that no script, no other host and no http page can touch: `__Host-`, Secure, HttpOnly,
 * SameSite=Strict, Path=/. On an http issuer (development) prefix and Secure cannot be had.
 */
export default fp<{ issuer: string }>(
  async (app: FastifyInstance, { issuer }) => {
    await app.register(cookie)
    const isSecure = issuer.startsWith('https:')
    const nameOf = (name: CookieName) => `${isSecure ? '__Host-' : ''}latchkey-${name}`
    const options: CookieSerializeOptions = {
      path: '/',
      httpOnly: true,
      secure: isSecure,
      sameSite: 'strict'
    }
    app.decorate('readCookie', (request, name) => request.cookies[nameOf(name)] ?? null)
    app.decorate('writeCookie', (reply, name, value, maxAgeSeconds) => {
      void reply.setCookie(nameOf(name), value, { ...options, maxAge: maxAgeSeconds })
    })
    app.decorate('clearCookie', (reply, name) => {
      void reply.clearCookie(nameOf(name), options)
    })
  },
  { name: 'cookies', fastify: '5.x' }
)
