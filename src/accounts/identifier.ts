import { parseEmailAddress } from '../lib/email-address.ts'

/** How somebody names themselves at the login. */
export type Identifier = { email: string } | { username: string }

/** One spelling of what was typed, for counting. */
export function nameOf(identifier: Identifier): string {
  if ('username' in identifier) return `username ${identifier.username.toLowerCase()}`
  return `email ${parseEmailAddress(identifier.email)?.canonical ?? identifier.email.toLowerCase()}`
}
