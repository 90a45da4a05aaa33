/** Longer passwords are strong enough, and would only take long to look at. */
const LOOKED_AT = 32

/** What of a password is judged. */
export const lookedAt = (password: string): string => password.slice(0, LOOKED_AT)

/** The words that belong to the owner, and what they are made of: a guesser would try them first. */
export function ownWords(personal: string[]): string[] {
  const words = personal.flatMap((word) => [word, ...word.split(/[\s@._-]+/)])
  return words.filter((word) => word.length > 2)
}
