import type { PageText } from './texts.ts'

const SCOPE_SENTENCES: Record<string, PageText> = {
  openid: 'know who you are',
  profile: 'see your name, username and language',
  email: 'see your e-mail address',
  phone: 'see your phone number',
  address: 'see your postal address (none is kept here)',
  offline_access: 'stay connected while you are away'
}

/** What an application may do once it has this scope; one of the installation's own stands for itself. */
export function describeScope(scope: string): string {
  return SCOPE_SENTENCES[scope] ?? scope
}
