import type { FastifyReply, FastifyRequest } from 'fastify'
import { isLanguage, matchLanguage, textsIn, type Language, type Texts } from './texts.ts'

/** What people read: as the application that sent them asked for, or as their browser does. */
export function languageOf(request: FastifyRequest): Language | undefined {
  const kept = request.server.readCookie(request, 'language')
  return isLanguage(kept) ? kept : matchLanguage(request.headers['accept-language'])
}

export function textsFor(request: FastifyRequest): Texts {
  return textsIn(languageOf(request) ?? 'en')
}

/**
 * Holds, as long as the browser runs, for all the pages between an application and its answer. A foreign
 * page may set it: it chooses between languages of ours, and nothing else.
 * @param uiLocales BCP 47 tags, best first, separated by spaces (OpenID Connect Core §3.1.2.1)
 */
export function keepLanguage(reply: FastifyReply, uiLocales: string | null | undefined): void {
  const language = matchLanguage(uiLocales?.trim().split(/\s+/).join(','))
  if (language !== undefined) reply.server.writeCookie(reply, 'language', language, null)
}
