const MAX_LENGTH = 8_192
/** Where somebody may go on after the login. No dot, no percent, no backslash: nothing to be resolved. */
const TARGET = /^\/(oauth\/[\w/-]+|account(\/[\w/-]*)?|device(\/[\w/-]*)?)(\?[!-~]*)?$/

/**
 * Where to go on after the login: a path of our own that is meant for it. Anything else is ignored, as it
 * could be a link that shows our page first and a thief's after it.
 * @returns null for everything else
 */
export function safeContinue(target: string | undefined): string | null {
  if (target === undefined || target.length > MAX_LENGTH || !TARGET.test(target)) return null
  const [path = ''] = target.split('?')
  if (path.includes('//') || target.includes('\\') || target.includes('#')) return null
  const parsed = URL.parse(target, 'https://ours.invalid')
  const isOurs = parsed?.origin === 'https://ours.invalid'
  return isOurs && parsed.pathname + parsed.search === target ? target : null
}

/** Whether going on leads into OAuth, and from there to an application. */
export function leadsToApplication(target: string | null): boolean {
  return target?.startsWith('/oauth/') ?? false
}

/** The login page, and where it goes on to; `loginHint` stands in its form already. */
export function loginPath(target: string | null, loginHint?: string): string {
  return withContinue('/login', target, loginHint)
}

/** A page of ours that hands `target` on. */
export function withContinue(page: string, target: string | null, loginHint?: string): string {
  const query = new URLSearchParams({
    ...(target !== null && { continue: target }),
    ...(loginHint !== undefined && { login_hint: loginHint })
  }).toString()
  return query === '' ? page : `${page}?${query}`
}
